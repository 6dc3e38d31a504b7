"""The HTTP endpoints on Ray Serve. All answers come from the WorkerSet and the EventListener.

Every answer comes in bounded time, whatever hangs behind it, and each question is put to an actor
at most once a second. Every refusal is JSON and reveals nothing internal. `/shutdown` needs the
bearer token that the owner configured.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final, Generic, TypeVar, cast

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from ray import serve
from starlette.exceptions import HTTPException

from actors.clients import CALL_ERRORS, find_listener, find_worker_set
from actors.cluster import ON_THE_HEAD, ActorGone, ActorSilent, this_node
from actors.http.limits import SingleFlight, error_response, is_bearer
from actors.messages import ActorConfig, Packed
from actors.ops.shutdown import end_manager
from crabstick.errors import ConfigError
from crabstick.lichess.interface import SILENCE_LIMIT
from crabstick.settings import Settings, read_admin_token
from crabstick.telemetry import log_events
from crabstick.telemetry.logs import bind_process, configure_logging, get_logger
from crabstick.telemetry.metric_definitions import CONTENT_TYPE

C = TypeVar("C")
T = TypeVar("T")

PATIENCE: Final = timedelta(seconds=1)
"""Covers both the search for an actor and its answer."""
MAX_AGE: Final = timedelta(seconds=1)
"""How long an actor's answer is reused."""
SHUTDOWN_PATIENCE: Final = timedelta(seconds=20)
MAX_ONGOING: Final = 64
MAX_QUEUED: Final = 64
PATHS: Final = ("/livez", "/readyz", "/metrics", "/games", "/shutdown")
READ: Final = ["GET", "HEAD"]
NO_WORKER_SET: Final = "the WorkerSet does not answer"


class Peer(Generic[C]):
    """An actor that is searched for once and then remembered; it answers soon or not at all."""

    def __init__(self, find: Callable[[], Awaitable[C | None]]) -> None:
        self._find = find
        self._client: C | None = None

    async def ask(self, call: Callable[[C], Awaitable[T]]) -> T | None:
        """The answer; None when the actor does not exist, fails, or does not answer in time."""
        with suppress(TimeoutError, *CALL_ERRORS):
            async with asyncio.timeout(PATIENCE.total_seconds()):
                if self._client is not None:
                    with suppress(ActorGone):  # `crabstick up` may have made another of that name
                        return await call(self._client)
                self._client = await self._find()
                return None if self._client is None else await call(self._client)
        return None


async def _refused(_: Request, error: Exception) -> JSONResponse:
    """Answers an unknown path, or a method that a path does not have."""
    refused = cast("HTTPException", error)
    return error_response(refused.status_code, refused.detail.lower(), refused.headers)


async def _failed(_: Request, _error: Exception) -> JSONResponse:
    """Answers after a bug of ours, which Serve logs."""
    return error_response(500, "internal error: see the log")


api = FastAPI(
    title="crabstick",
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    redirect_slashes=False,  # a redirect would repeat the Host header of the request
    exception_handlers={HTTPException: _refused, Exception: _failed},
)


# `serve.ingress` copies the endpoints as they are here, so everything they use must stand above.
@serve.ingress(api)
class HttpEndpoints:
    """The paths of one bot: `PATHS`.

    Args:
        config: a packed `ActorConfig`.
    """

    def __init__(self, config: Packed) -> None:
        configure_logging()
        bind_process(actor="http", node=this_node())
        self._config = ActorConfig.read(config)
        self._settings = Settings.from_message(self._config.settings)
        namespace = self._config.namespace
        worker_set_peer = Peer(lambda: find_worker_set(namespace))
        listener_peer = Peer(lambda: find_listener(namespace))
        self._worker_set = SingleFlight(
            lambda: worker_set_peer.ask(lambda client: client.describe(PATIENCE)), MAX_AGE
        )
        self._listener = SingleFlight(
            lambda: listener_peer.ask(lambda client: client.describe(PATIENCE)), MAX_AGE
        )
        self._statistics = SingleFlight(
            lambda: worker_set_peer.ask(lambda client: client.statistics(PATIENCE)), MAX_AGE
        )
        self._shutdown: asyncio.Future[int] | None = None

    @api.api_route("/", methods=READ)
    async def index(self) -> Response:
        """Names the other paths."""
        return JSONResponse({"bot": self._config.bot, "paths": PATHS})

    @api.api_route("/livez", methods=READ)
    async def livez(self) -> Response:
        """Reports whether this replica serves and the WorkerSet answers."""
        if await self._worker_set.get() is None:
            return error_response(503, NO_WORKER_SET)
        return JSONResponse({"ok": True})

    @api.api_route("/readyz", methods=READ)
    async def readyz(self) -> Response:
        """Reports whether the EventListener has heard from Lichess within the silence limit."""
        answer = await self._listener.get()
        if answer is None:
            return error_response(503, "the EventListener does not answer")
        age_s = answer.age_s
        if age_s is None or age_s > SILENCE_LIMIT.total_seconds():
            return JSONResponse({"error": "Lichess was not heard lately", "age_s": age_s}, 503)
        return JSONResponse({"ok": True, "age_s": age_s})

    @api.api_route("/metrics", methods=READ)
    async def metrics(self) -> Response:
        """The metrics in Prometheus's text format."""
        answer = await self._statistics.get()
        if answer is None or not answer.metrics:  # an older WorkerSet, which an upgrade replaces
            return error_response(503, NO_WORKER_SET)
        return Response(answer.metrics, media_type=CONTENT_TYPE)

    @api.api_route("/games", methods=READ)
    async def games(self) -> Response:
        """The running games as JSON, as the live table shows them."""
        answer = await self._statistics.get()
        if answer is None:
            return error_response(503, NO_WORKER_SET)
        return JSONResponse({"games": answer.shown()["games"]})

    @api.post("/shutdown")
    async def shutdown(self, request: Request) -> Response:
        """Ends EventListener and WorkerSet.

        The actors of the running games play them to the end.
        """
        try:
            token = read_admin_token(self._settings)
        except ConfigError as error:
            get_logger().error(log_events.SHUTDOWN_CLOSED, why=str(error))
            return error_response(403, "the admin token cannot be read, so /shutdown is closed")
        if token is None:
            return error_response(403, "no admin token is configured, so /shutdown is closed")
        if not is_bearer(request.headers.getlist("authorization"), token.get_secret_value()):
            wrong = "wrong token: send Authorization: Bearer <admin token>"
            return error_response(401, wrong, {"WWW-Authenticate": "Bearer"})
        if self._shutdown is None or self._shutdown.done():
            self._shutdown = asyncio.ensure_future(end_manager(self._config.namespace))
        try:
            async with asyncio.timeout(SHUTDOWN_PATIENCE.total_seconds()):
                games = await asyncio.shield(self._shutdown)  # goes on without the client
        except (TimeoutError, ActorSilent):
            return error_response(503, "Ray does not answer; try again")
        return JSONResponse({"ok": True, "games": games})


def http_app(config: ActorConfig) -> serve.Application:
    """The Serve application; deploying one with the same fingerprint again changes nothing."""
    deployment = cast("serve.Deployment", serve.deployment(HttpEndpoints))
    app: serve.Application = deployment.options(
        version=config.fingerprint,
        _internal=True,  # Serve accepts a version only with this
        num_replicas=1,
        max_ongoing_requests=MAX_ONGOING,
        max_queued_requests=MAX_QUEUED,
        backpressure_config={"retry_after_s": 1},
        ray_actor_options={"num_cpus": 0, "resources": ON_THE_HEAD},
    ).bind(config.pack())
    return app
