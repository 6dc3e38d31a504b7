"""The HTTP endpoints, on Ray Serve: they own nothing, they ask the others.

Every answer comes in bounded time, whatever hangs behind it. Nothing private is given away, and
`/shutdown` needs a bearer token that the owner configured. Beside that the replica watches over the
WorkerSet, which watches over everybody else.
"""

import asyncio
import hmac
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, cast

import ray
from fastapi import FastAPI, Header, Response
from fastapi.responses import JSONResponse
from ray import serve

from actors.chores import Chores
from actors.messages import EMPTY, Birth, Packed
from actors.names import EVENT_LISTENER, WORKER_SET
from actors.runtime import ON_THE_HEAD, ActorFailed, ActorGone, ActorSilent, ask
from actors.shutdown import end_manager
from actors.stall import StallWatch
from actors.watchdog import RayWard, Ward, Watchdog
from crabstick.lichess.port import SILENCE_LIMIT
from crabstick.settings import Settings
from crabstick.telemetry import names
from crabstick.telemetry.exposition import CONTENT_TYPE, exposition
from crabstick.telemetry.logs import configure_logging, get_logger
from crabstick.tokens import read_admin_token

__all__ = ["http_app"]

PATIENCE = timedelta(seconds=1)
SHUTDOWN_PATIENCE = timedelta(seconds=20)
STATISTICS_AGE = timedelta(seconds=1)
"""However often they are asked for, the WorkerSet is asked once in this time."""

api = FastAPI(title="crabstick", docs_url=None, redoc_url=None, openapi_url=None)


@serve.ingress(api)
class HttpEndpoints:
    """`/livez`, `/readyz`, `/metrics`, `/games` and `/shutdown` of one bot.

    Args:
        birth: a packed `Birth`.
        worker_set: the WorkerSet, which is watched; None is Ray's.
    """

    def __init__(self, birth: Packed, worker_set: Ward | None = None) -> None:
        configure_logging()
        self._birth = Birth.read(birth)
        self._settings = Settings.from_message(self._birth.settings)
        self._handles: Packed = {}
        self._statistics: Packed | None = None
        self._asked_s = float("-inf")
        self._asking = asyncio.Lock()
        self._ward = worker_set or RayWard(WORKER_SET, self._birth.namespace)
        self._chores: Chores | None = None

    async def check_health(self) -> None:
        """Ray Serve asks, from the beginning on; a WorkerSet that hangs is no fault of ours."""
        if self._chores is None:
            log = get_logger()
            self._chores = Chores(lambda error: log.error(names.TASK_FAILED, exc_info=error))
            stall = StallWatch(asyncio.get_running_loop().time)
            self._chores.start(stall.run())
            self._chores.start(Watchdog(WORKER_SET, self._ward, stall).run())

    @api.get("/livez")
    async def livez(self) -> JSONResponse:
        """This replica serves and the WorkerSet answers."""
        answer = await self._ask(WORKER_SET, "describe")
        if answer is None:
            return JSONResponse({"error": "the WorkerSet does not answer"}, status_code=503)
        return JSONResponse({"ok": True})

    @api.get("/readyz")
    async def readyz(self) -> JSONResponse:
        """The listener has heard from Lichess within its silence limit."""
        answer = await self._ask(EVENT_LISTENER, "describe")
        if answer is None:
            return JSONResponse({"error": "the EventListener does not answer"}, status_code=503)
        age_s = answer.get("age_s")
        if not isinstance(age_s, float) or age_s > SILENCE_LIMIT.total_seconds():
            error = "Lichess was not heard lately"
            return JSONResponse({"error": error, "age_s": age_s}, status_code=503)
        return JSONResponse({"ok": True, "age_s": age_s})

    @api.get("/metrics")
    async def metrics(self) -> Response:
        """Prometheus text."""
        picture = await self._picture()
        if picture is None:
            return Response("# the WorkerSet does not answer\n", 503, media_type="text/plain")
        return Response(
            exposition(cast("Mapping[str, object]", picture["ledger"])), media_type=CONTENT_TYPE
        )

    @api.get("/games")
    async def games(self) -> JSONResponse:
        """The running games as JSON: what the live table shows."""
        picture = await self._picture()
        if picture is None:
            return JSONResponse({"error": "the WorkerSet does not answer"}, status_code=503)
        return JSONResponse({"games": picture["games"]})

    @api.post("/shutdown")
    async def shutdown(self, authorization: Annotated[str | None, Header()] = None) -> JSONResponse:
        """Ends listener and WorkerSet and leaves the games to their actors."""
        expected = read_admin_token(self._settings)
        if expected is None:
            error = "no admin token is configured, so /shutdown is closed"
            return JSONResponse({"error": error}, status_code=403)
        scheme, _, given = (authorization or "").partition(" ")
        fits = hmac.compare_digest(given.encode(), expected.get_secret_value().encode())
        if scheme.lower() != "bearer" or not fits:
            return JSONResponse(
                {"error": "wrong token: send Authorization: Bearer <admin token>"},
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
        try:
            async with asyncio.timeout(SHUTDOWN_PATIENCE.total_seconds()):
                games = await end_manager(self._birth.namespace)
        except TimeoutError:
            return JSONResponse({"error": "Ray does not answer; try again"}, status_code=503)
        return JSONResponse({"ok": True, "games": games})

    async def _picture(self) -> Packed | None:
        """Whoever asks meanwhile gets the same answer, and the same None."""
        clock = asyncio.get_running_loop().time
        async with self._asking:
            if clock() - self._asked_s > STATISTICS_AGE.total_seconds():
                self._statistics = await self._ask(WORKER_SET, "statistics")
                self._asked_s = clock()
            return self._statistics

    async def _ask(self, name: str, method: str) -> Packed | None:
        """None: the actor is not there or says nothing in time."""
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                if name not in self._handles:
                    self._handles[name] = await asyncio.to_thread(
                        ray.get_actor, name, self._birth.namespace
                    )
            answer = await ask(getattr(self._handles[name], method).remote(EMPTY), PATIENCE)
        except (ActorGone, ValueError):
            self._handles.pop(name, None)
            return None
        except (ActorSilent, ActorFailed, TimeoutError):
            return None
        return answer


def http_app(birth: Birth) -> serve.Application:
    """The Serve application; its version is the fingerprint, so an equal one changes nothing."""
    deployment: Any = serve.deployment(HttpEndpoints)
    app: serve.Application = deployment.options(
        version=birth.fingerprint,
        _internal=True,  # the one way left to set a version
        num_replicas=1,
        max_ongoing_requests=32,
        ray_actor_options={"num_cpus": 0, "resources": ON_THE_HEAD},
    ).bind(birth.pack())
    return app
