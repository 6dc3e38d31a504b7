"""Which fault comes when, and on whom: drawn from a seed, so that a failing run can be replayed.

Pure. Whom a fault strikes cannot be known beforehand, since games come and go; the schedule holds a
fraction, which picks among those that are there at the moment.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from tests.chaos.kinds import Kind

__all__ = ["Injection", "chosen", "schedule"]

LONGEST_PAUSE_S: Final = 2.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """One fault of a schedule."""

    number: int
    """From 1 on."""
    kind: Kind
    pause_s: float
    """From the moment when all is well."""
    span_s: float
    pick: float
    """At least 0 and less than 1: which of the candidates it strikes."""


def schedule(seed: int, count: int, kinds: Sequence[Kind]) -> tuple[Injection, ...]:
    """So many faults, the kinds in a new order each time that all have had their turn."""
    order: list[Kind] = []
    shuffling = random.Random(seed)
    while len(order) < count:
        order += _round(shuffling, kinds)
    return tuple(
        _injection(number, kind, random.Random(f"{seed} {number}"))
        for number, kind in enumerate(order[:count], start=1)
    )


def _round(rng: random.Random, kinds: Sequence[Kind]) -> list[Kind]:
    """Every kind once; those that cost openings of the event stream are spread evenly."""
    moments: list[tuple[float, Kind]] = []
    for deafens in (False, True):
        ones = [kind for kind in kinds if kind.deafens is deafens]
        for number, kind in enumerate(rng.sample(ones, len(ones))):
            moments.append(((number + rng.random() / 2) / len(ones), kind))
    return [kind for _, kind in sorted(moments, key=lambda moment: moment[0])]


def _injection(number: int, kind: Kind, rng: random.Random) -> Injection:
    return Injection(
        number=number,
        kind=kind,
        pause_s=rng.uniform(0, LONGEST_PAUSE_S),
        span_s=rng.uniform(*kind.spans),
        pick=rng.random(),
    )


def chosen(pick: float, candidates: Sequence[T]) -> T:
    """The candidate that a pick means.

    Raises:
        IndexError: there is none.
    """
    return candidates[int(pick * len(candidates))]
