"""All kinds of faults: their names, how long each lasts, and how soon the bot must recover."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from actors.local_ray.supervisor import WELL_AFTER

SOON: Final = timedelta(seconds=60)
LATER: Final = timedelta(seconds=120)
"""A node or a head has to come back, on a busy machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """One kind of fault."""

    name: str
    spans: tuple[float, float] = (0.0, 0.0)
    """The least and the greatest duration in seconds; zero for a fault of an instant."""
    blocks_events: bool = False
    """Whether the event stream ends, stays silent or is not read. The stream can be opened only 30
    times in ten minutes, and Lichess drops a challenge that was not received within 20 s."""
    is_on_one_machine: bool = False
    """Whether it befalls a bot that `crabstick up` keeps on one machine, not one on a cluster."""
    calm_s: float = 0.0
    """How long the bot must have been healthy before."""
    recovery: timedelta = SOON
    """How long the bot may take to recover after the fault."""


def _death_of_ray(name: str) -> FaultKind:
    """One after which the supervisor restarts Ray; too soon after another it pauses first."""
    calm_s = WELL_AFTER.total_seconds()
    return FaultKind(name=name, blocks_events=True, is_on_one_machine=True, calm_s=calm_s)


FAULT_KINDS: Final = (
    FaultKind(name="engine killed"),
    FaultKind(name="engine frozen"),
    FaultKind(name="engine plays an illegal move"),
    FaultKind(name="engine talks nonsense"),
    FaultKind(name="engine floods"),
    FaultKind(name="engine eats memory"),
    FaultKind(name="actor killed, searching"),
    FaultKind(name="actor killed, waiting"),
    FaultKind(name="actor killed, posting"),
    FaultKind(name="actor frozen, searching", spans=(1.5, 8)),
    FaultKind(name="actor frozen, waiting", spans=(1.5, 8)),
    FaultKind(name="actor frozen, posting", spans=(1.5, 8)),
    FaultKind(name="actor killed at full capacity"),
    FaultKind(name="standbys killed"),
    FaultKind(name="node killed", recovery=LATER),
    FaultKind(name="node drained", recovery=LATER),
    FaultKind(name="node frozen", spans=(6, 12), recovery=LATER),
    FaultKind(name="node cut off", spans=(6, 12), recovery=LATER),
    FaultKind(name="node cut off from Ray alone", spans=(6, 12), recovery=LATER),
    FaultKind(name="WorkerSet killed"),
    FaultKind(name="WorkerSet frozen", spans=(16, 20)),
    FaultKind(name="EventListener killed", blocks_events=True),
    FaultKind(name="EventListener frozen", blocks_events=True, spans=(16, 20)),
    FaultKind(name="Serve replica killed"),
    FaultKind(name="Serve replica frozen", spans=(10, 15)),
    FaultKind(name="Serve controller killed"),
    FaultKind(name="Serve controller frozen", spans=(10, 15)),
    FaultKind(name="Serve proxy killed"),
    FaultKind(name="head killed", blocks_events=True, spans=(2, 10), recovery=LATER),
    FaultKind(name="event stream cut", blocks_events=True),
    FaultKind(name="event stream reset", blocks_events=True),
    FaultKind(name="event stream silent", blocks_events=True, spans=(4, 20)),
    FaultKind(name="game stream cut"),
    FaultKind(name="game stream reset"),
    FaultKind(name="game stream silent", spans=(4, 20)),
    FaultKind(name="429 to an accept"),
    FaultKind(name="429 to a move"),
    FaultKind(name="429 to a game stream"),
    FaultKind(name="429 to the event stream", blocks_events=True),
    FaultKind(name="429 to the list of games"),
    FaultKind(name="5xx to an accept"),
    FaultKind(name="5xx to a move"),
    FaultKind(name="5xx to a game stream"),
    FaultKind(name="5xx to the event stream", blocks_events=True),
    FaultKind(name="answer to a move lost"),
    FaultKind(name="answer to an accept lost"),
    FaultKind(name="Lichess frozen", blocks_events=True, spans=(28, 32)),
    FaultKind(name="Lichess answers 503 to everything", blocks_events=True, spans=(28, 32)),
    FaultKind(name="second listener", blocks_events=True, spans=(3, 6)),
    _death_of_ray("raylet of the only node killed"),
    _death_of_ray("GCS without a store killed"),
    _death_of_ray("all of Ray killed at once"),
    FaultKind(name="machine short of memory", spans=(4, 8), is_on_one_machine=True),
)

SHORT_RUN: Final = (
    "engine plays an illegal move",
    "actor killed, posting",
    "node killed",
    "WorkerSet killed",
    "EventListener killed",
    "answer to a move lost",
)
"""A quick fault of each part."""

_BY_NAME: Final = {kind.name: kind for kind in FAULT_KINDS}


def kind_of(name: str) -> FaultKind:
    """The kind with that name; a KeyError when there is none."""
    return _BY_NAME[name]
