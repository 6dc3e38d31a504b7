"""Who is taken for lost: slowly, and never everyone."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.failure_detector import MOST_AT_ONCE, Heartbeat, suspects
from crabstick.rules.model import ActorName
from tests.builders import seconds

NOW = seconds(1000)


def a_pulse(name: str, silent_s: float, *, plays_s: float = 100, lost: bool = False) -> Heartbeat:
    return Heartbeat(
        actor=ActorName(name),
        last_seen=NOW - seconds(silent_s),
        playing_since=NOW - seconds(plays_s),
        is_condemned=lost,
    )


def test_one_silent_actor_among_healthy_ones_is_suspected() -> None:
    heartbeats = [a_pulse("a", 4), a_pulse("b", 0), a_pulse("c", 1)]
    assert suspects(heartbeats, now=NOW, own_stall=None) == ("a",)


def test_three_seconds_of_silence_are_nothing_yet() -> None:
    assert suspects([a_pulse("a", 3), a_pulse("b", 0)], now=NOW, own_stall=None) == ()


def test_a_single_game_can_lose_its_actor_too() -> None:
    assert suspects([a_pulse("a", 4)], now=NOW, own_stall=None) == ("a",)


def test_nobody_is_suspected_when_it_was_we_who_stood_still() -> None:
    assert suspects([a_pulse("a", 9), a_pulse("b", 0)], now=NOW, own_stall=NOW - seconds(4)) == ()


def test_the_own_stall_is_forgotten_after_five_seconds() -> None:
    heartbeats = [a_pulse("a", 9), a_pulse("b", 0)]
    assert suspects(heartbeats, now=NOW, own_stall=NOW - seconds(5)) == ("a",)


def test_nobody_is_suspected_when_most_are_silent() -> None:
    heartbeats = [a_pulse("a", 9), a_pulse("b", 9), a_pulse("c", 0)]
    assert suspects(heartbeats, now=NOW, own_stall=None) == ()


def test_among_many_silent_ones_those_of_a_dead_node_are_suspected() -> None:
    heartbeats = [a_pulse("a", 9, lost=True), a_pulse("b", 9), a_pulse("c", 0)]
    assert suspects(heartbeats, now=NOW, own_stall=None) == ("a",)


def test_an_actor_in_its_first_ten_seconds_is_left_alone() -> None:
    heartbeats = [a_pulse("a", 4, plays_s=9), a_pulse("b", 0)]
    assert suspects(heartbeats, now=NOW, own_stall=None) == ()


silences = st.lists(st.tuples(st.floats(0, 20), st.floats(0, 100), st.booleans()), max_size=12)


@given(silences)
def test_never_more_than_two_at_once_and_only_silent_ones(
    facts: list[tuple[float, float, bool]],
) -> None:
    heartbeats = [
        a_pulse(str(index), silent, plays_s=plays, lost=lost)
        for index, (silent, plays, lost) in enumerate(facts)
    ]
    found = suspects(heartbeats, now=NOW, own_stall=None)
    silent = {
        heartbeat.actor
        for heartbeat in heartbeats
        if NOW - heartbeat.last_seen > timedelta(seconds=3)
    }
    assert len(found) <= MOST_AT_ONCE
    assert set(found) <= silent
