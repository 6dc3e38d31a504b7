"""How each kind of fault is injected; a fault with a duration is over when its function returns.

A function returns the one game that it affects, or None for all games. A fault that cannot be
injected at this moment raises `NotNow`, and is tried again a little later.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, TypeAlias

from tests.chaos.actor_faults import (
    freeze_actor,
    freeze_engine,
    kill_actor,
    kill_at_full_capacity,
    kill_engine,
    kill_standbys,
    make_engine_fail,
)
from tests.chaos.cluster_faults import (
    cut_node,
    drain_node,
    fill_memory,
    freeze_node,
    freeze_process,
    kill_head,
    kill_node,
    kill_process,
    kill_ray,
)
from tests.chaos.lichess_faults import (
    fail_calls,
    fail_everything,
    freeze_lichess,
    open_second_stream,
    strike_streams,
)
from tests.chaos.target import Target

Injector: TypeAlias = Callable[[Target], Awaitable[str | None]]

_ENDPOINTS: Final = {
    "an accept": "challenge-accept",
    "a move": "move",
    "a game stream": "game-stream",
    "the event stream": "event-stream",
    "the list of games": "playing",
}
_LIMITED: Final = {"retry_after_s": 2}
_BROKEN: Final = {"status": 502}

INJECTORS: Final[Mapping[str, Injector]] = {
    "engine killed": kill_engine,
    "engine frozen": freeze_engine,
    "engine plays an illegal move": partial(make_engine_fail, mode="illegal"),
    "engine talks nonsense": partial(make_engine_fail, mode="nonsense"),
    "engine floods": partial(make_engine_fail, mode="flood"),
    "engine eats memory": partial(make_engine_fail, mode="hungry"),
    "actor killed, searching": partial(kill_actor, phase="searching"),
    "actor killed, waiting": partial(kill_actor, phase="waiting"),
    "actor killed, posting": partial(kill_actor, phase="posting"),
    "actor frozen, searching": partial(freeze_actor, phase="searching"),
    "actor frozen, waiting": partial(freeze_actor, phase="waiting"),
    "actor frozen, posting": partial(freeze_actor, phase="posting"),
    "actor killed at full capacity": kill_at_full_capacity,
    "standbys killed": kill_standbys,
    "node killed": kill_node,
    "node drained": drain_node,
    "node frozen": freeze_node,
    "node cut off": partial(cut_node, links=slice(None)),
    "node cut off from Ray alone": partial(cut_node, links=slice(1)),
    "WorkerSet killed": partial(kill_process, title="WorkerSet"),
    "WorkerSet frozen": partial(freeze_process, title="WorkerSet"),
    "EventListener killed": partial(kill_process, title="EventListener"),
    "EventListener frozen": partial(freeze_process, title="EventListener"),
    "Serve replica killed": partial(kill_process, title="ServeReplica"),
    "Serve replica frozen": partial(freeze_process, title="ServeReplica"),
    "Serve controller killed": partial(kill_process, title="ServeController"),
    "Serve controller frozen": partial(freeze_process, title="ServeController"),
    "Serve proxy killed": partial(kill_process, title="ProxyActor"),
    "head killed": kill_head,
    "event stream cut": partial(strike_streams, kind="cut", endpoint="event-stream"),
    "event stream reset": partial(strike_streams, kind="cut", endpoint="event-stream", how="reset"),
    "event stream silent": partial(strike_streams, kind="silence", endpoint="event-stream"),
    "game stream cut": partial(strike_streams, kind="cut", endpoint="game-stream"),
    "game stream reset": partial(strike_streams, kind="cut", endpoint="game-stream", how="reset"),
    "game stream silent": partial(strike_streams, kind="silence", endpoint="game-stream"),
    **{
        f"429 to {what}": partial(fail_calls, kind="rate-limit", endpoint=endpoint, how=_LIMITED)
        for what, endpoint in _ENDPOINTS.items()
    },
    **{
        f"5xx to {what}": partial(fail_calls, kind="server-error", endpoint=endpoint, how=_BROKEN)
        for what, endpoint in _ENDPOINTS.items()
        if endpoint != "playing"
    },
    "answer to a move lost": partial(fail_calls, kind="lose-answer", endpoint="move"),
    "answer to an accept lost": partial(
        fail_calls, kind="lose-answer", endpoint="challenge-accept"
    ),
    "Lichess frozen": freeze_lichess,
    "Lichess answers 503 to everything": fail_everything,
    "second listener": open_second_stream,
    "raylet of the only node killed": partial(kill_ray, program="raylet"),
    "GCS without a store killed": partial(kill_ray, program="gcs_server"),
    "all of Ray killed at once": partial(kill_ray, program=""),
    "machine short of memory": fill_memory,
}
"""By the name of the kind."""
