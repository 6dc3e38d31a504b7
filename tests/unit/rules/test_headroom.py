"""Cases and laws of headroom."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.headroom import headroom
from tests.builders import seconds

counts = st.integers(0, 300)
wishes = st.integers(0, 20)


def test_without_traffic_it_is_what_the_owner_wants() -> None:
    assert [headroom(wish, 0, 0) for wish in (0, 1, 5)] == [0, 1, 5]


def test_a_single_game_keeps_a_place_for_another() -> None:
    assert headroom(1, 1, 1) == 1


@given(counts, counts)
def test_an_owner_who_wants_no_standby_has_none(begun: int, ended: int) -> None:
    assert headroom(0, begun, ended) == 0


def test_standbys_grow_slower_than_the_games() -> None:
    assert [headroom(1, games, games) for games in (10, 40, 160)] == [4, 7, 13]


def test_a_rush_without_ends_needs_more() -> None:
    assert headroom(1, 40, 0) == 7


@given(wishes, counts, counts)
def test_it_is_never_less_than_the_owners_wish(wish: int, begun: int, ended: int) -> None:
    assert headroom(wish, begun, ended) >= wish


@given(wishes, counts, counts, counts)
def test_more_games_never_mean_fewer_standbys(wish: int, begun: int, ended: int, more: int) -> None:
    assert headroom(wish, begun + more, ended) >= headroom(wish, begun, ended)


@given(wishes, counts, counts, st.timedeltas(seconds(1), seconds(300)))
def test_a_slower_node_means_no_fewer(wish: int, begun: int, ended: int, takes: timedelta) -> None:
    assert headroom(wish, begun, ended, takes * 2) >= headroom(wish, begun, ended, takes)
