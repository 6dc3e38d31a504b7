"""Which fault comes when, and on which target: drawn from a seed, so that a run can be replayed.

Pure. Games come and go, so targets cannot be known beforehand; the schedule holds a fraction, which
picks one of the candidates at the time.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from tests.chaos.fault_kinds import FaultKind

LONGEST_PAUSE_S: Final = 2.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """One fault of a schedule."""

    number: int
    """From 1 on."""
    kind: FaultKind
    pause_s: float
    """From the moment when the bot is healthy."""
    span_s: float
    pick: float
    """At least 0 and less than 1: which of the candidates is the target."""


def schedule(seed: int, count: int, kinds: Sequence[FaultKind]) -> tuple[Injection, ...]:
    """That many faults; every kind comes once before any comes again, in a new order each time."""
    order: list[FaultKind] = []
    shuffling = random.Random(seed)
    while len(order) < count:
        order += _round(shuffling, kinds)
    return tuple(
        _injection(number, kind, random.Random(f"{seed} {number}"))
        for number, kind in enumerate(order[:count], start=1)
    )


def _round(rng: random.Random, kinds: Sequence[FaultKind]) -> list[FaultKind]:
    """Every kind once; those that cost openings of the event stream are spread evenly."""
    moments: list[tuple[float, FaultKind]] = []
    for blocks_events in (False, True):
        ones = [kind for kind in kinds if kind.blocks_events is blocks_events]
        for number, kind in enumerate(rng.sample(ones, len(ones))):
            moments.append(((number + rng.random() / 2) / len(ones), kind))
    return [kind for _, kind in sorted(moments, key=lambda phase: phase[0])]


def _injection(number: int, kind: FaultKind, rng: random.Random) -> Injection:
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
