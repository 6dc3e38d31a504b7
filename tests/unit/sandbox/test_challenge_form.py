"""The form of a challenge: what Lichess allows, and its errors."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crabstick.sandbox.challenge_form import read_terms
from crabstick.sandbox.errors import ApiError
from crabstick.sandbox.vocabulary import TimeControl

CLOCK = {"clock.limit": "300", "clock.increment": "3"}
CASTLED_960 = "bqnrkbrn/pppppppp/8/8/8/8/PPPPPPPP/BQNRKBRN w KQkq - 0 1"


def test_five_plus_three_is_blitz_and_casual_by_default() -> None:
    terms = read_terms(CLOCK)
    assert (terms.speed, terms.perf, terms.rated, terms.color) == (
        "blitz",
        "blitz",
        False,
        "random",
    )
    assert terms.clock is not None


def test_nothing_is_an_unlimited_game_and_days_are_correspondence() -> None:
    assert read_terms({}).speed == "correspondence"
    assert read_terms({"days": "3"}).days == 3


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"clock.limit": "300"}, "clock.increment"),
        ({"clock.increment": "3"}, "clock.limit"),
        ({"clock.limit": "100", "clock.increment": "0"}, "clock.limit"),
        ({"clock.limit": "10860", "clock.increment": "0"}, "clock.limit"),
        ({"clock.limit": "-60", "clock.increment": "0"}, "clock.limit"),
        ({"clock.limit": "60", "clock.increment": "61"}, "clock.increment"),
        ({"clock.limit": "0", "clock.increment": "0"}, "clock"),
        ({"clock.limit": "five", "clock.increment": "0"}, "clock.limit"),
        ({"days": "4"}, "days"),
        ({**CLOCK, "variant": "checkers"}, "variant"),
        ({**CLOCK, "color": "green"}, "color"),
        ({**CLOCK, "rated": "maybe"}, "rated"),
        ({**CLOCK, "rules": "noLosing"}, "rules"),
        ({**CLOCK, "message": "play me"}, "message"),
        ({**CLOCK, "fen": "no position"}, "global"),
        ({**CLOCK, "fen": "8/8/8/8/8/8/8/8 w - - 0 1"}, "global"),
        ({**CLOCK, "variant": "fromPosition"}, "global"),
        ({**CLOCK, "fen": "k7/8/8/8/8/8/1R6/K7 w - - 0 1", "rated": "true"}, "global"),
        ({"variant": "chess960", "rated": "true"}, "global"),
    ],
)
def test_a_mistake_names_its_field_twice(form: dict[str, str], field: str) -> None:
    with pytest.raises(ApiError) as error:
        read_terms(form)
    body = error.value.body
    assert error.value.status == 400
    assert body["error"] == {field: body[field]}


@settings(deadline=None)
@given(st.sampled_from([0, 15, 30, 45, 60, 90, 120, 10_800]), st.integers(1, 60))
def test_every_documented_clock_is_allowed(limit_s: int, increment_s: int) -> None:
    terms = read_terms({"clock.limit": str(limit_s), "clock.increment": str(increment_s)})
    assert terms.clock == TimeControl(limit_s, increment_s)


def test_a_position_makes_the_variant_from_position() -> None:
    terms = read_terms({**CLOCK, "fen": "k7/8/8/8/8/8/1R6/K7 w - - 0 1"})
    assert (terms.variant.key, terms.perf) == ("fromPosition", "blitz")


def test_the_initial_position_is_just_standard() -> None:
    fen = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"
    terms = read_terms({**CLOCK, "fen": fen, "variant": "fromPosition"})
    assert (terms.variant.key, terms.initial_fen) == ("standard", None)


def test_chess960_keeps_only_its_own_start_positions() -> None:
    kept = read_terms({**CLOCK, "variant": "chess960", "fen": CASTLED_960})
    dropped = read_terms({**CLOCK, "variant": "chess960", "fen": "k7/8/8/8/8/8/1R6/K7 w - - 0 1"})
    assert kept.initial_fen is not None
    assert kept.initial_fen.startswith("bqnrkbrn/")
    assert dropped.initial_fen is None
    assert kept.perf == "chess960"


@pytest.mark.parametrize(
    ("limit", "increment", "rated"), [("0", "1", False), ("0", "2", True), ("15", "0", False)]
)
def test_a_variant_that_is_too_fast_is_casual(limit: str, increment: str, *, rated: bool) -> None:
    form = {"clock.limit": limit, "clock.increment": increment, "rated": "true"}
    assert read_terms({**form, "variant": "atomic"}).rated is rated
    assert read_terms(form).rated is True


@pytest.mark.parametrize(
    ("limit_s", "increment_s", "speed"),
    [
        (15, 0, "ultraBullet"),
        (30, 0, "bullet"),
        (0, 1, "bullet"),
        (180, 0, "blitz"),
        (300, 3, "blitz"),
        (480, 0, "rapid"),
        (1500, 0, "classical"),
    ],
)
def test_speed_goes_by_limit_and_forty_increments(
    limit_s: int, increment_s: int, speed: str
) -> None:
    assert TimeControl(limit_s, increment_s).speed == speed


@pytest.mark.parametrize(
    ("limit_s", "name"), [(15, "¼+2"), (30, "½+2"), (45, "¾+2"), (90, "1.5+2"), (300, "5+2")]
)
def test_clocks_are_written_as_minutes_plus_seconds(limit_s: int, name: str) -> None:
    assert TimeControl(limit_s, 2).name == name
