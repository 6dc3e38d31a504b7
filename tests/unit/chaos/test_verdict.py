"""The verdict finds what was broken, and only that: one that could not fail would prove nothing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.verdict import Fault, judge
from tests.unit.chaos.ledgers import (
    BOT,
    FOOLS_MATE,
    GAME,
    LIMIT_S,
    RIVAL,
    a_challenge,
    a_fault,
    a_game,
    a_ledger,
    a_won_game,
    intended,
)

LOST = "a game was lost"
UNANSWERED = "a challenge was not answered"
UNMEANT = "a move was not intended for its ply"
TWICE = "a ply was decided twice"
LATE = "an actor sent a move long after its successor had"
SUCCESSOR = "engine:2"
SICK = "all was not well again in time"


def laws(*args: object) -> list[str]:
    """Which laws are broken."""
    ledger, moves, faults = args
    return [breach.law for breach in judge(ledger, moves, faults, BOT).breaches]  # type: ignore[arg-type]  # as given


# Games.


def test_a_game_that_was_won_on_the_board_breaks_nothing() -> None:
    game = a_won_game()
    verdict = judge(a_ledger(game), intended(game), [a_fault()], BOT)
    assert (verdict.is_good, verdict.games, verdict.challenges, verdict.moves) == (True, 1, 1, 2)


@pytest.mark.parametrize("status", ["mate", "stalemate", "draw"])
@pytest.mark.parametrize("winner", ["white", "black", None])
def test_chess_itself_loses_no_game(status: str, winner: str | None) -> None:
    game = a_won_game() | {"status": status, "winner": winner}
    assert laws(a_ledger(game), intended(game), [a_fault()]) == []


@pytest.mark.parametrize("status", ["outoftime", "resign", "timeout"])
def test_what_the_opponent_does_loses_no_game(status: str) -> None:
    game = a_won_game() | {"status": status, "winner": "black"}
    assert laws(a_ledger(game), intended(game), [a_fault()]) == []


@pytest.mark.parametrize("status", ["outoftime", "resign", "timeout"])
def test_the_same_by_us_is_a_lost_game(status: str) -> None:
    game = a_won_game() | {"status": status, "winner": "white"}
    verdict = judge(a_ledger(game), intended(game), [a_fault(number=7)], BOT)
    assert [breach.law for breach in verdict.breaches] == [LOST]
    assert verdict.lost == {GAME: 7}


@pytest.mark.parametrize("status", ["aborted", "noStart"])
def test_a_game_without_a_result_is_lost(status: str) -> None:
    game = a_won_game() | {"status": status, "winner": None}
    assert laws(a_ledger(game), intended(game), []) == [LOST]


def test_a_flag_without_mating_material_is_lost_as_well() -> None:
    game = a_won_game() | {"status": "outoftime", "winner": None}
    assert laws(a_ledger(game), intended(game), []) == [LOST]


def test_a_game_that_never_ended_is_lost() -> None:
    game = a_won_game() | {"status": "started", "winner": None, "ended_ms": None}
    assert laws(a_ledger(game), intended(game), []) == [LOST]


def a_flagged_game(last_of_theirs_ms: float) -> dict[str, object]:
    """Our clock ran out after their second move; it had stood at its limit before."""
    game = a_game(("f2f3", 0), ("e7e5", 200), ("g2g4", last_of_theirs_ms))
    fell_ms = last_of_theirs_ms + LIMIT_S * 1000
    return game | {"status": "outoftime", "winner": "white", "ended_ms": fell_ms}


def test_a_flag_is_lost_when_two_seconds_were_left_as_the_fault_began() -> None:
    game = a_flagged_game(1000)
    began_ms = 1000 + LIMIT_S * 1000 - 2000
    assert laws(a_ledger(game), intended(game), [a_fault(began_ms, began_ms + 1)]) == [LOST]


def test_a_flag_is_excused_when_less_was_left_as_the_fault_began() -> None:
    game = a_flagged_game(1000)
    began_ms = 1000 + LIMIT_S * 1000 - 1999
    assert laws(a_ledger(game), intended(game), [a_fault(began_ms, began_ms + 1)]) == []


def test_a_flag_without_any_fault_is_lost() -> None:
    game = a_flagged_game(1000)
    assert laws(a_ledger(game), intended(game), []) == [LOST]


def test_the_last_fault_before_the_end_is_the_culprit() -> None:
    game = a_won_game() | {"status": "resign", "winner": "white"}
    faults = [a_fault(10, 20, number=1), a_fault(30, 40, number=2), a_fault(9999, 10**4, number=3)]
    assert judge(a_ledger(game), intended(game), faults, BOT).lost == {GAME: 2}


def test_games_of_others_are_not_ours_to_lose() -> None:
    game = a_won_game() | {"white": "a", "black": "b", "status": "aborted", "moves": []}
    assert judge(a_ledger(game), [], [], BOT).games == 0


# Challenges.


@pytest.mark.parametrize("outcome", ["created", "offline", "canceled"])
def test_a_challenge_without_an_answer_is_found(outcome: str) -> None:
    ledger = a_ledger(challenges=(a_challenge(outcome, answered_ms=None),))
    assert laws(ledger, [], []) == [UNANSWERED]


@pytest.mark.parametrize("outcome", ["accepted", "declined"])
def test_either_answer_will_do(outcome: str) -> None:
    assert laws(a_ledger(challenges=(a_challenge(outcome),)), [], []) == []


@pytest.mark.parametrize(
    ("began_ms", "recovered_ms", "count"),
    [(1000, 9000, 1), (25_000, 40_000, 0), (19_000, None, 1)],
)
def test_a_challenge_that_nobody_could_hear_is_counted_apart(
    began_ms: float, recovered_ms: float, count: int
) -> None:
    ledger = a_ledger(challenges=(a_challenge("offline", made_ms=2000.0),))
    deaf = a_fault(began_ms, recovered_ms, blocks_events=True)
    verdict = judge(ledger, [], [deaf], BOT)
    assert verdict.unheard == count
    assert [breach.law for breach in verdict.breaches].count(UNANSWERED) == 1 - count


def test_a_fault_that_leaves_the_ear_alone_excuses_no_silence() -> None:
    ledger = a_ledger(challenges=(a_challenge("offline", made_ms=1000.0),))
    assert laws(ledger, [], [a_fault(500, 1500)]) == [UNANSWERED]


def test_a_challenge_to_somebody_else_is_not_ours_to_answer() -> None:
    assert laws(a_ledger(challenges=(a_challenge("offline", target=RIVAL),)), [], []) == []


# Moves.


def test_a_move_that_nobody_meant_is_found() -> None:
    game = a_won_game()
    assert laws(a_ledger(game), intended(game)[:-1], []) == [UNMEANT]


def test_a_move_that_was_meant_for_another_ply_is_found() -> None:
    game = a_won_game()
    first, last = intended(game)
    assert laws(a_ledger(game), [first, replace(last, ply=5)], []) == [UNMEANT]


def test_a_move_that_was_meant_for_another_game_is_found() -> None:
    game = a_won_game()
    first, last = intended(game)
    assert laws(a_ledger(game), [first, replace(last, game="other")], []) == [UNMEANT]


def test_castling_is_one_move_in_either_form() -> None:
    moves = ("e2e4", "e7e5", "g1f3", "g8f6", "f1c4", "f8c5", "a2a3", "e8h8")
    game = a_game(*((uci, number * 100.0) for number, uci in enumerate(moves)), status="draw")
    output = [replace(one, uci="e8g8") if one.uci == "e8h8" else one for one in intended(game)]
    assert laws(a_ledger(game), output, []) == []


def test_a_move_that_was_meant_but_never_arrived_breaks_nothing() -> None:
    game = a_won_game()
    more = replace(intended(game)[0], ply=5, at_ms=9000)
    assert laws(a_ledger(game), [*intended(game), more], []) == []


def test_one_actor_that_decides_a_ply_twice_is_found() -> None:
    game = a_won_game()
    other = replace(intended(game)[0], uci="e7e6")
    assert laws(a_ledger(game), [other, *intended(game)], []) == [TWICE]


def test_the_same_move_sent_again_is_no_second_decision() -> None:
    game = a_won_game()
    assert laws(a_ledger(game), intended(game) * 2, []) == []


def test_a_successor_may_decide_anew() -> None:
    game = a_won_game()
    first, last = intended(game)
    lost = replace(last, uci="f8c5", at_ms=last.at_ms - 50)
    assert laws(a_ledger(game), [first, lost, replace(last, actor=SUCCESSOR)], []) == []


def test_an_actor_that_cannot_ask_plays_on_for_a_moment() -> None:
    game = a_won_game()
    first, last = intended(game)
    late = replace(last, ply=5, at_ms=last.at_ms + 9_000)
    assert laws(a_ledger(game), [first, replace(last, actor=SUCCESSOR), late], []) == []


def test_an_actor_that_sends_long_after_its_successor_is_found() -> None:
    game = a_won_game()
    first, last = intended(game)
    late = replace(last, ply=5, at_ms=last.at_ms + 11_000)
    assert laws(a_ledger(game), [first, replace(last, actor=SUCCESSOR), late], []) == [LATE]


def test_it_is_found_in_whatever_order_the_logs_are_read() -> None:
    game = a_won_game()
    first, last = intended(game)
    late = replace(last, ply=5, at_ms=last.at_ms + 11_000)
    assert laws(a_ledger(game), [late, replace(last, actor=SUCCESSOR), first], []) == [LATE]


# Time.


def test_a_fault_without_a_recovery_is_found() -> None:
    game = a_won_game()
    assert laws(a_ledger(game), intended(game), [a_fault(2000, None)]) == [SICK]


def test_the_clock_lost_is_what_a_move_took_above_the_usual() -> None:
    moves = (("f2f3", 0), ("e7e5", 100), ("g2g4", 1000), ("a7a6", 1100))
    more = (("a2a3", 2000), ("b7b6", 2900), ("h2h3", 4000), ("d8h4", 4100))
    game = a_game(*moves, *more)
    verdict = judge(a_ledger(game), intended(game), [a_fault(2100, 2950)], BOT)
    assert verdict.usual_ms == 100
    assert [cost.lost_ms for cost in verdict.costs] == [800]


def test_a_fault_in_the_opponents_time_costs_nothing() -> None:
    game = a_won_game()
    (cost,) = judge(a_ledger(game), intended(game), [a_fault(300, 400)], BOT).costs
    assert cost.lost_ms == 0


# Laws.

MOMENTS = st.lists(st.floats(1, 5000), min_size=4, max_size=4).map(
    lambda pauses: tuple(sum(pauses[: n + 1]) for n in range(4))
)


@st.composite
def faults(draw: st.DrawFn) -> list[Fault]:
    """Any, at any moment."""
    spans = draw(st.lists(st.tuples(st.floats(0, 20_000), st.floats(0, 5000)), max_size=5))
    return [
        a_fault(began_ms, began_ms + took_ms, number=number)
        for number, (began_ms, took_ms) in enumerate(spans, start=1)
    ]


@given(MOMENTS, faults())
def test_honest_games_are_good_whatever_was_injected(
    at_ms: tuple[float, float, float, float], injected: list[Fault]
) -> None:
    game = a_won_game(at_ms)
    verdict = judge(a_ledger(game), intended(game), injected, BOT)
    assert verdict.is_good
    assert verdict.lost == {}


@given(MOMENTS, faults())
def test_no_clock_is_lost_below_zero_or_above_what_our_moves_took(
    at_ms: tuple[float, float, float, float], injected: list[Fault]
) -> None:
    game = a_won_game(at_ms)
    for cost in judge(a_ledger(game), intended(game), injected, BOT).costs:
        assert 0 <= cost.lost_ms <= at_ms[3] - at_ms[2]


@given(MOMENTS, faults(), st.integers(0, 1))
def test_one_move_less_in_the_logs_is_always_found(
    at_ms: tuple[float, float, float, float], injected: list[Fault], missing: int
) -> None:
    game = a_won_game(at_ms)
    output = [one for number, one in enumerate(intended(game)) if number != missing]
    assert laws(a_ledger(game), output, injected) == [UNMEANT]


@given(faults(), st.sampled_from(["resign", "aborted", "noStart", "timeout"]))
def test_no_fault_excuses_an_end_that_is_ours(injected: list[Fault], status: str) -> None:
    game = a_won_game() | {"status": status, "winner": "white"}
    assert laws(a_ledger(game), intended(game), injected) == [LOST]


def test_the_shortest_game_is_the_one_that_is_meant() -> None:
    assert [move["uci"] for move in a_won_game()["moves"]] == list(FOOLS_MATE)
