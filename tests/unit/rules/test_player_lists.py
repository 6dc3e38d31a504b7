"""Lists of players: names in any case, and what an order of the owner overrides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.player_lists import PlayerLists, is_list_file, parse_names

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,10}[A-Za-z0-9]", fullmatch=True)


@given(names=st.lists(NAMES), comment=st.sampled_from(["", " # why", "\r"]))
def test_a_text_has_a_name_on_each_line(names: list[str], comment: str) -> None:
    text = "# bots\n\n" + "\n".join(name + comment for name in names)
    assert parse_names(text) == {name.lower() for name in names}


@pytest.mark.parametrize("text", ["<!DOCTYPE html>", "a b", "ok\n- name: x", "x" * 31, "a"])
def test_any_other_text_is_no_list(text: str) -> None:
    with pytest.raises(ValueError, match="is not a name on Lichess"):
        parse_names(text)


@given(name=NAMES, until_s=st.none() | st.floats(0, 100))
def test_an_order_of_the_owner_comes_first_until_it_ends(name: str, until_s: float | None) -> None:
    for is_blocked in (True, False):
        lists = PlayerLists(blocked={name.lower()}, own={name.lower(): (is_blocked, until_s)})
        lasts = until_s is None or until_s > 50
        expected = "blocked" if is_blocked or not lasts else "allowed"
        assert lists.standing(name.upper(), 50) == expected


def test_who_is_on_both_lists_may_challenge() -> None:
    assert PlayerLists(allowed={"a"}, blocked={"a"}).standing("A", 0) == "allowed"
    assert PlayerLists(only_from={"a"}).standing("A", 0) == ""
    assert PlayerLists(only_from={"a"}).standing("B", 0) == "unlisted"
    assert PlayerLists(only_from={"a"}, allowed={"b"}).standing("B", 0) == "allowed"


@pytest.mark.parametrize(
    ("entry", "is_file"),
    [("Bob", False), ("a.txt", True), ("./a", True), ("https://x.org/a.txt", False), (3, False)],
)
def test_a_path_is_told_from_a_name(entry: object, *, is_file: bool) -> None:
    assert is_list_file(entry) == is_file
