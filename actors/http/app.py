"""The HTTP endpoints, on Ray Serve: they own nothing, they ask the others.

Every answer comes in bounded time, whatever hangs behind it, and an actor is asked once a second,
however many want to know. Nothing private is given away, and `/shutdown` needs a bearer token that
the owner configured. Floods end in Serve's proxy, at `http_door`. Beside that the replica watches
over the WorkerSet, which watches over everybody else.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from ray import serve

from actors.clients import EventListenerClient, WorkerSetClient
from actors.cluster import ON_THE_HEAD, this_node
from actors.http.api import error_response, new_api
from actors.http.limits import is_bearer
from actors.http.peer import PATIENCE, Peer
from actors.http.single_flight import SingleFlight
from actors.messages import ActorConfig, ListenerDescription, Packed, WorkerSetDescription
from actors.names import EVENT_LISTENER, WORKER_SET
from actors.ops.shutdown import end_manager
from actors.watchdog import RayWatchedActor, Watchdog, WatchedActor
from crabstick.errors import ConfigError, InvariantBroken
from crabstick.game.background_tasks import BackgroundTasks
from crabstick.game.stall import StallDetector
from crabstick.lichess.interface import SILENCE_LIMIT
from crabstick.settings import Settings, read_admin_token
from crabstick.telemetry import names
from crabstick.telemetry.exposition import CONTENT_TYPE, exposition
from crabstick.telemetry.logs import bind_process, configure_logging, get_logger

__all__ = ["http_app"]

AGE: Final = timedelta(seconds=1)
"""However often they are asked for, an actor's words are this old before it is asked again."""
SHUTDOWN_PATIENCE: Final = timedelta(seconds=20)
MOST_AT_ONCE: Final = 64
MOST_WAITING: Final = 64
READ: Final = ["GET", "HEAD"]
NO_WORKER_SET: Final = "the WorkerSet does not answer"

api = new_api()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """What the WorkerSet said last."""

    games: object
    metrics: bytes


# Serve keeps a copy of what the endpoints are here: all that they use has to stand above
@serve.ingress(api)
class HttpEndpoints:
    """`/livez`, `/readyz`, `/metrics`, `/games` and `/shutdown` of one bot.

    Args:
        config: a packed `ActorConfig`.
        worker_set: the WorkerSet, which is watched; None is Ray's.
    """

    def __init__(self, config: Packed, worker_set: WatchedActor | None = None) -> None:
        configure_logging()
        bind_process(actor="http", node=this_node())
        self._config = ActorConfig.read(config)
        self._settings = Settings.from_message(self._config.settings)
        self._watched = worker_set or RayWatchedActor(WORKER_SET, self._config.namespace)
        self._worker_set = Peer(WORKER_SET, self._config.namespace, WorkerSetClient)
        self._listener = Peer(EVENT_LISTENER, self._config.namespace, EventListenerClient)
        self._alive = SingleFlight(self._describe_worker_set, AGE)
        self._ready = SingleFlight(self._describe_listener, AGE)
        self._page = SingleFlight(self._fetch_page, AGE)
        self._tasks: BackgroundTasks | None = None
        self._ending: asyncio.Future[int] | None = None

    async def check_health(self) -> None:
        """Ray Serve asks, from the beginning on; a WorkerSet that hangs is no fault of ours."""
        if self._tasks is None:
            log = get_logger()
            self._tasks = BackgroundTasks(
                lambda error: log.error(names.TASK_FAILED, exc_info=error)
            )
            stall = StallDetector(asyncio.get_running_loop().time)
            self._tasks.start(stall.run())
            self._tasks.start(Watchdog(WORKER_SET, self._watched, stall).run())

    @api.api_route("/livez", methods=READ)
    async def livez(self) -> Response:
        """This replica serves and the WorkerSet answers."""
        if await self._alive.get() is None:
            return error_response(503, NO_WORKER_SET)
        return JSONResponse({"ok": True})

    @api.api_route("/readyz", methods=READ)
    async def readyz(self) -> Response:
        """The listener has heard from Lichess within its silence limit."""
        answer = await self._ready.get()
        if answer is None:
            return error_response(503, "the EventListener does not answer")
        age_s = answer.age_s
        if age_s is None or age_s > SILENCE_LIMIT.total_seconds():
            return JSONResponse({"error": "Lichess was not heard lately", "age_s": age_s}, 503)
        return JSONResponse({"ok": True, "age_s": age_s})

    @api.api_route("/metrics", methods=READ)
    async def metrics(self) -> Response:
        """Prometheus text."""
        page = await self._page.get()
        if page is None:
            return error_response(503, NO_WORKER_SET)
        return Response(page.metrics, media_type=CONTENT_TYPE)

    @api.api_route("/games", methods=READ)
    async def games(self) -> Response:
        """The running games as JSON: what the live table shows."""
        page = await self._page.get()
        if page is None:
            return error_response(503, NO_WORKER_SET)
        return JSONResponse({"games": page.games})

    async def _describe_worker_set(self) -> WorkerSetDescription | None:
        return await self._worker_set.ask(lambda worker_set: worker_set.describe(PATIENCE))

    async def _describe_listener(self) -> ListenerDescription | None:
        return await self._listener.ask(lambda listener: listener.describe(PATIENCE))

    async def _fetch_page(self) -> _Page | None:
        answer = await self._worker_set.ask(lambda worker_set: worker_set.statistics(PATIENCE))
        if answer is None:
            return None
        try:
            metrics = exposition(answer.ledger)
        except InvariantBroken as error:  # in the midst of an upgrade, which replaces us as well
            get_logger().warning(names.METRICS_UNREADABLE, why=str(error))
            return None
        return _Page(games=answer.pack()["games"], metrics=metrics)

    @api.post("/shutdown")
    async def shutdown(self, request: Request) -> Response:
        """Ends listener and WorkerSet and leaves the games to their actors."""
        try:
            token = read_admin_token(self._settings)
        except ConfigError as error:
            get_logger().error(names.SHUTDOWN_CLOSED, why=str(error))
            return error_response(403, "the admin token cannot be read, so /shutdown is closed")
        if token is None:
            return error_response(403, "no admin token is configured, so /shutdown is closed")
        if not is_bearer(request.headers.getlist("authorization"), token.get_secret_value()):
            wrong = "wrong token: send Authorization: Bearer <admin token>"
            return error_response(401, wrong, {"WWW-Authenticate": "Bearer"})
        if self._ending is None or self._ending.done():
            self._ending = asyncio.ensure_future(end_manager(self._config.namespace))
        try:
            async with asyncio.timeout(SHUTDOWN_PATIENCE.total_seconds()):
                games = await asyncio.shield(self._ending)  # it is done also when nobody waits
        except TimeoutError:
            return error_response(503, "Ray does not answer; try again")
        return JSONResponse({"ok": True, "games": games})


def http_app(config: ActorConfig) -> serve.Application:
    """The Serve application; its version is the fingerprint, so an equal one changes nothing."""
    deployment: Any = serve.deployment(HttpEndpoints)
    app: serve.Application = deployment.options(
        version=config.fingerprint,
        _internal=True,  # the one way left to set a version
        num_replicas=1,
        max_ongoing_requests=MOST_AT_ONCE,
        max_queued_requests=MOST_WAITING,
        backpressure_config={"retry_after_s": 1},
        ray_actor_options={"num_cpus": 0, "resources": ON_THE_HEAD},
    ).bind(config.pack())
    return app
