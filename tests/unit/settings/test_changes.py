"""What has changed between two settings, in words, and without secrets."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.settings import Settings
from crabstick.settings.changes import changes


def said(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    before = Settings.model_validate(old)
    return changes(before.to_message(), Settings.model_validate(new))


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ({}, {"challenges": {"max_games": 6}}, "challenges.max_games: 4 -> 6"),
        (
            {},
            {"challenges": {"variants": ["standard", "atomic"]}},
            "challenges.variants: standard -> atomic, standard",
        ),
        (
            {"challenges": {"bot": {"modes": []}}},
            {},
            "challenges.bot.modes: none -> not set",
        ),
        (
            {"engine": {"options": {"Hash": 16}}},
            {"engine": {"options": {"Hash": 64}}},
            "engine.options.Hash: 16 -> 64",
        ),
        (
            {"lichess": {"token_file": "/a/token"}},
            {"lichess": {"token_file": "/a/b2c3d4e5f6g7h8"}},
            "lichess.token_file: /a/token -> /a/b2c3d4e5f6g7h8",
        ),
        ({}, {"engines": {"atomic": {}}}, "engines.atomic: not set -> set"),
        ({"engines": {"atomic": {}}}, {}, "engines.atomic: set -> not set"),
        (
            {"engines": {"atomic": {}}},
            {"engines": {"atomic": {"gpus": 0.5}}},
            "engines.atomic.gpus: 0 -> 0.5",
        ),
        (
            {"matchmaking": {"types": {"blitz": {"clock": "3+2"}}}},
            {"matchmaking": {"types": {"blitz": {"clock": "5+3"}}}},
            "matchmaking.types.blitz.clock: 3+2 -> 5+3",
        ),
        ({}, {}, "the settings are the same; the code has changed"),
    ],
)
def test_each_change_is_one_line(old: dict[str, Any], new: dict[str, Any], line: str) -> None:
    assert said(old, new) == [line]


@given(st.text("abc123 $-_", min_size=2))
def test_no_value_of_a_variable_for_the_engine_is_shown(secret: str) -> None:
    lines = said({"engine": {"env": {"KEY": "a", "B": "c"}}}, {"engine": {"env": {"KEY": secret}}})
    assert lines == ["engine.env.KEY has changed", "engine.env.B has changed"]


def test_what_looks_like_a_secret_is_not_shown() -> None:
    (line,) = said({"engine": {"options": {"Key": "a"}}}, {"engine": {"options": {"Key": "lip_x"}}})
    assert line == "engine.options.Key: a -> lip_(hidden)"
    (line,) = said({}, {"engine": {"options": {"Key": "a1b2c3d4e5f6g7h8"}}})
    assert line == "engine.options.Key: not set -> (not shown)"


@pytest.mark.parametrize("message", [{}, {"v": 1, "settings": {"engine": {"speed": 9}}}])
def test_settings_of_another_version_are_not_compared(message: dict[str, Any]) -> None:
    assert changes(message, Settings()) == [
        "the settings before are those of another version, and not compared"
    ]
