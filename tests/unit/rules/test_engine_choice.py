"""Which key of the engines fits a game."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import chess
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.engine_choice import WORDS, Traits, about, choose, conditions_of, tasks
from crabstick.rules.lichess_types import Clock
from crabstick.rules.variants import VARIANTS

BLITZ = Traits(
    variant="standard",
    speed="blitz",
    rated=True,
    is_bot=False,
    color=chess.WHITE,
    clock=Clock(initial=timedelta(minutes=3), increment=timedelta(seconds=2)),
)
KEYS = st.lists(st.sampled_from([*WORDS, "3+2", "0.5+0", "leela"]), min_size=1, max_size=4).map(
    "_".join
)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([], "default"),
        (["leela", "bullet", "black", "atomic", "5+3", "variants"], "default"),
        (["blitz", "standard"], "standard"),
        (["blitz_white", "standard"], "blitz_white"),
        (["blitz", "3+2"], "3+2"),
        (["human_rated", "white_blitz"], "white_blitz"),
        (["3+2_blitz", "rated_human_white"], "rated_human_white"),
        (["White_BLITZ"], "White_BLITZ"),
    ],
)
def test_the_most_specific_key_plays(keys: list[str], expected: str) -> None:
    assert choose(keys, BLITZ) == expected


def test_variants_are_all_but_standard_chess() -> None:
    keys = ["variants", "kingOfTheHill", "black"]
    hill = replace(BLITZ, variant="kingOfTheHill")
    assert choose(keys, hill) == "kingOfTheHill"
    assert choose(keys, replace(hill, variant="horde")) == "variants"


def test_what_is_unknown_fits_no_condition() -> None:
    unknown = Traits()
    keys = ["white", "3+2", "black", "bot", "human", "rated", "casual", "blitz", "tournament"]
    assert choose(keys, unknown) == "default"


@given(KEYS, st.data())
def test_the_order_of_the_words_does_not_matter(key: str, data: st.DataObject) -> None:
    turned = "_".join(data.draw(st.sampled_from([*permutations(key.split("_"))])))
    assert conditions_of(key) == conditions_of(turned)
    assert (choose([key], BLITZ) == key) == (choose([turned], BLITZ) == turned)


@given(st.lists(KEYS, unique=True))
def test_the_choice_depends_on_no_order_where_keys_differ(keys: list[str]) -> None:
    different = {tuple(sorted((conditions_of(key) or {key: key}).items())): key for key in keys}
    one = [*different.values()]
    other = one[::-1]
    assert choose(one, BLITZ) == choose(other, BLITZ)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([], [("default", "atomic"), ("default", "standard")]),
        (["variants"], [("default", "standard"), ("variants", "atomic")]),
        (
            ["Atomic_blitz", "blitz"],
            [
                ("default", "atomic"),
                ("default", "standard"),
                ("Atomic_blitz", "atomic"),
                ("blitz", "standard"),
            ],
        ),
        (["horde"], [("default", "atomic"), ("default", "standard")]),
    ],
)
def test_each_engine_has_the_variants_that_no_closer_key_takes(
    keys: list[str], expected: list[tuple[str, str]]
) -> None:
    assert [*tasks(keys, ["atomic", "standard"])] == expected


@given(
    st.lists(KEYS, unique=True),
    st.builds(
        Traits,
        variant=st.sampled_from(VARIANTS),
        speed=st.sampled_from(["bullet", "blitz", ""]),
        rated=st.sampled_from([True, False, None]),
        is_bot=st.sampled_from([True, False, None]),
        color=st.sampled_from([True, False, None]),
        clock=st.sampled_from([BLITZ.clock, None]),
        is_tournament=st.booleans(),
    ),
)
def test_whichever_engine_plays_a_game_was_to_play_its_variant(
    keys: list[str], traits: Traits
) -> None:
    assert (choose(keys, traits), traits.variant) in tasks(keys, VARIANTS)


def test_a_sentence_names_the_keys_of_its_engine_and_leaves_paths_alone() -> None:
    words = "'/opt/engine.new/fish' needs more than engine.memory_mb (1): see engine.path"
    assert about("default", words) == words
    assert about("blitz", words) == (
        "'/opt/engine.new/fish' needs more than engines.blitz.memory_mb (1): see engines.blitz.path"
    )
    assert about("blitz", "the engine 'fish' died") == "engines.blitz: the engine 'fish' died"


def test_traits_can_be_told_in_words() -> None:
    told = Traits.of_words(["Atomic", "3+2", "bot", "casual", "black", "tournament"])
    assert told == Traits(
        variant="atomic",
        speed="blitz",
        rated=False,
        is_bot=True,
        color=chess.BLACK,
        clock=BLITZ.clock,
        is_tournament=True,
    )
    assert Traits.of_words(["blitz"]) == Traits(speed="blitz")
    with pytest.raises(ValueError, match="at most one of a kind"):
        Traits.of_words(["blitz", "blits"])


@pytest.mark.parametrize(
    "key",
    [
        "leela",
        "variants_standard",
        "blitz_leela",
        "blitz_bullet",
        "3+2_5+3",
        "3+2_rapid",
        "0.25+0_bullet",
        "99999999999+0",
        "",
        "blits",
    ],
)
def test_other_keys_are_plain_names(key: str) -> None:
    assert conditions_of(key) is None


@pytest.mark.parametrize("key", ["0.5+0_bullet", "2+1_bullet", "3+0_blitz", "8+0_rapid"])
def test_a_clock_may_stand_beside_its_speed(key: str) -> None:
    assert conditions_of(f"{key}_white") is not None
    assert conditions_of(f"{key.partition('_')[0]}_classical") is None
    assert conditions_of("25+0_classical") is not None


def test_clocks_that_mean_the_same_are_the_same() -> None:
    assert conditions_of("3.0+02") == conditions_of("3+2")
