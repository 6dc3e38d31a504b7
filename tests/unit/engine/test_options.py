import pytest
from chess.engine import Option
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadOption
from engine.interface import EngineSpec, OptionValue
from engine.options import accepted_options


def an_option(name: str, kind: str, *, var: list[str] | None = None) -> Option:
    return Option(name=name, type=kind, default=None, min=1, max=64, var=var)


OFFERED = {
    option.name: option
    for option in (
        an_option("Hash", "spin"),
        an_option("Own Book", "check"),
        an_option("Clear Hash", "button"),
        an_option("Style", "combo", var=["Solid", "Risky"]),
        an_option("SyzygyPath", "string"),
        an_option("Ponder", "check"),
    )
}


def accepted(name: str, value: OptionValue) -> dict[str, OptionValue]:
    options, warnings = accepted_options(
        EngineSpec(command=("fish",), options={name: value}), OFFERED
    )
    assert warnings == []
    return options


def complaint(name: str, value: OptionValue) -> str:
    with pytest.raises(BadOption) as caught:
        accepted(name, value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "sent"),
    [
        ("Hash", 32, 32),
        ("Hash", "32", 32),
        ("Own Book", True, True),
        ("Own Book", "false", False),
        ("Own Book", "Off", False),
        ("Own Book", "yes", True),
        ("Clear Hash", None, None),
        ("Clear Hash", True, None),
        ("Style", "Risky", "Risky"),
        ("SyzygyPath", "/tables", "/tables"),
        ("SyzygyPath", 7, "7"),
        ("SyzygyPath", "1.745", "1.745"),
        ("SyzygyPath", None, ""),
        ("SyzygyPath", True, "true"),
    ],
    ids=repr,
)
def test_a_fitting_value_is_sent_in_the_option_s_own_type(
    name: str, value: OptionValue, sent: OptionValue
) -> None:
    assert accepted(name, value) == {name: sent}


def test_the_case_of_a_name_does_not_matter() -> None:
    assert accepted("own book", "true") == {"Own Book": True}


@pytest.mark.parametrize(
    ("name", "value", "wish"),
    [
        ("Hash", 0, "a whole number from 1 to 64"),
        ("Hash", 65, "a whole number from 1 to 64"),
        ("Hash", "big", "a whole number from 1 to 64"),
        ("Hash", True, "a whole number from 1 to 64"),
        ("Hash", None, "a whole number from 1 to 64"),
        ("Own Book", "maybe", "true or false"),
        ("Hash", "1.5", "a whole number from 1 to 64"),
        ("Own Book", None, "true or false"),
        ("Clear Hash", "now", "no value (it is a button)"),
        ("Style", "solid", "one of Solid, Risky"),
        ("SyzygyPath", "a\nquit", "one line of text"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_what_would(
    name: str, value: OptionValue, wish: str
) -> None:
    assert (
        complaint(name, value)
        == f"option '{name}' of the engine 'fish' takes {wish}, not {value!r}"
    )


def test_a_misspelt_name_is_answered_with_the_nearest_one() -> None:
    expected = "the engine 'fish' has no option 'Hahs': did you mean 'Hash'?"
    assert complaint("Hahs", 1) == expected


def test_an_unknown_name_may_be_only_a_warning() -> None:
    spec = EngineSpec(
        command=("fish",), options={"Hahs": 1, "Hash": 2}, ignore_unknown_options=True
    )
    options, (warning,) = accepted_options(spec, OFFERED)
    assert options == {"Hash": 2}
    assert "did you mean 'Hash'? (ignored)" in warning


def test_a_name_like_no_other_is_answered_with_all_names() -> None:
    assert complaint("Zzzzzz", 1).endswith(
        "'Zzzzzz': it has Hash, Own Book, Clear Hash, Style, SyzygyPath, Ponder"
    )


def test_what_is_set_for_each_search_is_not_the_user_s() -> None:
    assert (
        complaint("Ponder", "true")
        == "option 'Ponder' of 'fish' is set for each search: use engine.ponder"
    )


@given(
    st.dictionaries(
        st.text(max_size=8), st.one_of(st.none(), st.booleans(), st.text(), st.integers())
    )
)
def test_whatever_is_accepted_can_be_sent_by_python_chess(wanted: dict[str, OptionValue]) -> None:
    names = dict(zip(wanted, OFFERED, strict=False))
    wanted = {names.get(name, name): value for name, value in wanted.items()}
    try:
        sent, _ = accepted_options(EngineSpec(command=("fish",), options=wanted), OFFERED)
    except BadOption:
        return
    assert {name: OFFERED[name].parse(value) for name, value in sent.items()} == sent
