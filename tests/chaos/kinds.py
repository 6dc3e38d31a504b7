"""The faults that there are: what each is called, how long it lasts, how soon it must be over."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

__all__ = ["KINDS", "SHORT_RUN", "Kind", "kind_of"]

SOON: Final = timedelta(seconds=60)
LATER: Final = timedelta(seconds=120)
"""A node or a head has to come back, on a machine that is busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One way to hurt the bot."""

    name: str
    spans: tuple[float, float] = (0.0, 0.0)
    """How long it lasts, in seconds, at least and at most; zero for what happens in a moment."""
    deafens: bool = False
    """Whether the event stream ends, stays silent or is not read: it can be opened 30 times in ten
    minutes only, and a challenge that is not heard within 20 s is not heard at all."""
    recovery: timedelta = SOON
    """How long after it the bot may take to be whole again."""


KINDS: Final = (
    Kind(name="engine killed"),
    Kind(name="engine frozen"),
    Kind(name="engine plays an illegal move"),
    Kind(name="engine talks nonsense"),
    Kind(name="engine floods"),
    Kind(name="engine eats memory"),
    Kind(name="actor killed, searching"),
    Kind(name="actor killed, waiting"),
    Kind(name="actor killed, posting"),
    Kind(name="actor frozen, searching", spans=(1.5, 8)),
    Kind(name="actor frozen, waiting", spans=(1.5, 8)),
    Kind(name="actor frozen, posting", spans=(1.5, 8)),
    Kind(name="actor killed at full capacity"),
    Kind(name="standbys killed"),
    Kind(name="node killed", recovery=LATER),
    Kind(name="node drained", recovery=LATER),
    Kind(name="node frozen", spans=(6, 12), recovery=LATER),
    Kind(name="node cut off", spans=(6, 12), recovery=LATER),
    Kind(name="node cut off from Ray alone", spans=(6, 12), recovery=LATER),
    Kind(name="WorkerSet killed"),
    Kind(name="WorkerSet frozen", spans=(16, 20)),
    Kind(name="EventListener killed", deafens=True),
    Kind(name="EventListener frozen", deafens=True, spans=(16, 20)),
    Kind(name="Serve replica killed"),
    Kind(name="Serve replica frozen", spans=(10, 15)),
    Kind(name="Serve controller killed"),
    Kind(name="Serve controller frozen", spans=(10, 15)),
    Kind(name="Serve proxy killed"),
    Kind(name="head killed", deafens=True, spans=(2, 10), recovery=LATER),
    Kind(name="event stream cut", deafens=True),
    Kind(name="event stream reset", deafens=True),
    Kind(name="event stream silent", deafens=True, spans=(4, 20)),
    Kind(name="game stream cut"),
    Kind(name="game stream reset"),
    Kind(name="game stream silent", spans=(4, 20)),
    Kind(name="429 to an accept"),
    Kind(name="429 to a move"),
    Kind(name="429 to a game stream"),
    Kind(name="429 to the event stream", deafens=True),
    Kind(name="429 to the list of games"),
    Kind(name="5xx to an accept"),
    Kind(name="5xx to a move"),
    Kind(name="5xx to a game stream"),
    Kind(name="5xx to the event stream", deafens=True),
    Kind(name="answer to a move lost"),
    Kind(name="answer to an accept lost"),
    Kind(name="Lichess frozen", deafens=True, spans=(28, 32)),
    Kind(name="Lichess answers 503 to everything", deafens=True, spans=(28, 32)),
    Kind(name="second listener", deafens=True, spans=(3, 6)),
)

SHORT_RUN: Final = (
    "engine killed",
    "engine plays an illegal move",
    "actor killed, searching",
    "actor killed, posting",
    "actor frozen, waiting",
    "actor killed at full capacity",
    "node killed",
    "WorkerSet killed",
    "EventListener killed",
    "game stream reset",
    "429 to a move",
    "answer to a move lost",
    "event stream cut",
)
"""What is quick, and of every sort something."""

_BY_NAME: Final = {kind.name: kind for kind in KINDS}


def kind_of(name: str) -> Kind:
    """The kind of that name.

    Raises:
        KeyError: there is none.
    """
    return _BY_NAME[name]
