"""How long to think: from the clocks to a budget. Pure; all durations are in milliseconds.

The remaining time is shared out over the moves still expected and most of the increment is spent.
The hard limit is never more than half of what is left, so that a late answer does not lose the
game. Near the flag the share shrinks below what the first iteration needs: then the hard limit
grants it a few milliseconds, as long as these are a small part of what is left.
"""

from dataclasses import dataclass

_EXPECTED_MOVES = 40
_INCREMENT_SHARE = 0.8
_SOFT_SHARE = 0.55
_HARD_FACTOR = 4
_LARGEST_SHARE = 0.5
_FIRST_ITERATION_MS = 10
_SMALL_SHARE = 1 / 8
_LEAST_OF_IDEAL = 1 / 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The own clock as the user interface tells it.

    Attributes:
        remaining_ms: time left; negative means the flag should have fallen.
        increment_ms: time gained by each move.
        moves_to_go: moves until more time is added; 0 when the rest of the game has to do.
    """

    remaining_ms: int
    increment_ms: int = 0
    moves_to_go: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long a search may take.

    Attributes:
        soft_ms: after this no new iteration begins.
        hard_ms: at this the search breaks off.
    """

    soft_ms: float
    hard_ms: float


def budget_for(clock: Clock, overhead_ms: int) -> Budget:
    """Shares out a clock; `overhead_ms` is what each move loses on its way, outside the engine."""
    moves = min(clock.moves_to_go or _EXPECTED_MOVES, _EXPECTED_MOVES)
    usable = max(0, clock.remaining_ms - overhead_ms)
    share = usable / moves + _INCREMENT_SHARE * clock.increment_ms
    ideal = max(share - overhead_ms, _LEAST_OF_IDEAL * share)
    hard = max(
        min(_HARD_FACTOR * ideal, _LARGEST_SHARE * usable),
        min(_FIRST_ITERATION_MS, _SMALL_SHARE * usable),
    )
    return Budget(soft_ms=min(_SOFT_SHARE * ideal, hard), hard_ms=hard)


def fixed_budget(move_time_ms: int) -> Budget:
    """Spends exactly a given time (`go movetime`)."""
    return Budget(soft_ms=max(0, move_time_ms), hard_ms=max(0, move_time_ms))
