"""What a change of actors cost, read from a ledger."""

from typing import Any

from benchmarks.takeover_timing import Takeover, plain_losses_ms, reopened_ms, takeovers_of

BOT = "crabstick"
GAME = "abcdefgh"


def a_ledger(*moves_ms: float, opened_ms: tuple[float, ...] = (0,)) -> dict[str, Any]:
    """One game in which the opponent begins; moves arrive at these times."""
    moves = [
        {"ply": number + 1, "by": BOT if number % 2 else "alice", "received_ms": at_ms}
        for number, at_ms in enumerate(moves_ms)
    ]
    streams = [{"game": GAME, "user": BOT, "opened_ms": at_ms} for at_ms in opened_ms]
    others = [{"game": GAME, "user": "alice", "opened_ms": 0.0}]
    return {"games": [{"id": GAME, "moves": moves}], "streams": [*streams, *others]}


def test_a_game_with_one_actor_has_no_change() -> None:
    assert takeovers_of(a_ledger(10, 120, 500, 605), BOT) == []


def test_a_change_is_counted_at_the_move_that_comes_after_it() -> None:
    ledger = a_ledger(10, 120, 500, 605, 900, 1007, opened_ms=(0, 700))
    takeover = Takeover(game=GAME, opened_ms=700, turn_ms=900, moved_ms=1007)
    assert takeovers_of(ledger, BOT) == [takeover]
    assert (takeover.lost_ms(100), takeover.is_hit) == (7, False)


def test_a_clock_that_ran_before_the_new_actor_came_was_hit() -> None:
    (takeover,) = takeovers_of(a_ledger(10, 120, 500, 640, opened_ms=(0, 530)), BOT)
    assert (takeover.lost_ms(100), takeover.is_hit) == (40, True)


def test_a_change_without_a_move_after_it_cost_nothing() -> None:
    assert takeovers_of(a_ledger(10, 120, opened_ms=(0, 130)), BOT) == []


def test_all_other_moves_on_a_running_clock_are_plain() -> None:
    ledger = a_ledger(10, 420, 500, 605, 900, 1007, opened_ms=(0, 700))
    takeovers = takeovers_of(ledger, BOT)
    assert plain_losses_ms(ledger["games"], BOT, takeovers, 100) == [5]


def test_the_next_stream_of_a_game_is_found() -> None:
    ledger = a_ledger(10, 120, opened_ms=(0, 700))
    assert reopened_ms(ledger, GAME, BOT, 650) == 700
    assert reopened_ms(ledger, GAME, BOT, 700) is None
