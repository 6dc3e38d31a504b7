"""A wrong key, word or value is answered with the right one, and secrets stay out of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.explain import ELSEWHERE, nearest_key, shown

KEYS = ("lichess.url", "challenges.max_games", "challenges.min_initial_s", "http", "http.port")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("challenges.max_game", "challenges.max_games"),
        ("challenges.max_initial_s", "challenges.min_initial_s"),
        ("htpp", "http"),
        ("port", "http.port"),
        ("lichess.port", "http.port"),
        ("challenge.concurrency", "challenges.max_games"),
        ("MAX_GAMEZ", "challenges.max_games"),
        ("qqq", None),
    ],
)
def test_the_nearest_key_may_live_in_another_section(path: str, expected: str | None) -> None:
    assert nearest_key(path, KEYS) == expected


@pytest.mark.parametrize("word", ELSEWHERE)
def test_the_words_of_other_programs_are_understood(word: str) -> None:
    assert nearest_key(f"elsewhere.{word}", list(ELSEWHERE.values())) == ELSEWHERE[word]


@given(st.sampled_from(KEYS), st.text())
def test_what_is_suggested_is_always_known(known: str, noise: str) -> None:
    assert nearest_key(known + noise, KEYS) in {*KEYS, *ELSEWHERE.values(), None}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "empty"),
        (True, "true"),
        ({"a": 1}, "a mapping"),
        ([{"a": 1}], "a list"),
        (["casul"], "['casul']"),
        (Path("/a/b"), "'/a/b'"),
        ("abc123abc123", "(not shown)"),
        ("https://me@host", "(not shown)"),
        ("lip_abc", "'lip_(hidden)'"),
    ],
)
def test_a_value_is_quoted_unless_it_may_be_a_secret(value: object, expected: str) -> None:
    assert shown(value) == expected
