"""Values against shapes: every slip is found, once, and what was meant is known."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.manifests.faults import Fault, dotted
from crabstick.manifests.reading import read
from crabstick.manifests.shapes import Choice, Kind, ListOf, MapOf, Part, Plain, read_tables

TABLE = """
Ship: name!, crew: [Sailor], holds: {amount}, flag: red|green, sails: number, afloat: flag,
    berth: port, log: anything
Sailor: rank, hammock: Hammock
Hammock: knots!: number
"""
PARTS = read_tables(TABLE)
SHIP = PARTS["Ship"]
GOOD = {
    "name": "Pinch",
    "crew": [{"rank": "mate", "hammock": {"knots": 2}}],
    "holds": {"cpu": "500m", "memory": 2},
    "flag": "red",
    "sails": 3,
    "afloat": True,
    "berth": 80,
    "log": [None, {"any": "thing"}],
}


def faults(value: object) -> list[str]:
    return [str(fault) for fault in read(value, SHIP, "the navy")[1]]


def test_a_table_says_what_each_field_is() -> None:
    assert SHIP.fields == {
        "name": Plain.TEXT,
        "crew": ListOf(PARTS["Sailor"]),
        "holds": MapOf(Plain.AMOUNT),
        "flag": Choice(("red", "green")),
        "sails": Plain.NUMBER,
        "afloat": Plain.FLAG,
        "berth": Plain.PORT,
        "log": Plain.ANYTHING,
    }
    assert SHIP.required == {"name"}


def test_a_table_with_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="Brig"):
        read_tables("Fleet: flagship: Brig")


def test_what_fits_comes_back_as_it_was() -> None:
    meant, found = read(GOOD, SHIP, "the navy")
    assert found == []
    assert meant == {**GOOD, "holds": {"cpu": "500m", "memory": "2"}, "berth": "80"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"nmae": "x"}, "nmae is no field of the navy; did you mean name?"),
        ({"zzz": 1}, "zzz is no field of the navy; known there: name, crew, holds, flag, sails, "),
        ({"hammock": {}}, "hammock is no field of the navy; did you mean crew[0].hammock?"),
        ({"knots": 2}, "knots is no field of the navy; did you mean crew[0].hammock.knots?"),
        ({"crew": {}}, "crew is a mapping; it must be a list"),
        ({"crew": ["mate"]}, "crew[0] is 'mate'; it must be a mapping of fields to values"),
        ({"crew": [{"hammock": {}}]}, "crew[0].hammock.knots is missing"),
        ({"crew": [{"sails": 2}]}, "crew[0].sails is no field of the navy; did you mean sails?"),
        ({"holds": [1]}, "holds is [1]; it must be a mapping of names to values"),
        ({"holds": {"cpu": "2 Gi"}}, "holds.cpu is '2 Gi'; it must be an amount such as 500m"),
        ({"holds": {"cpu": True}}, "holds.cpu is true; it must be an amount"),
        ({"holds": {"a.b/c": []}}, "holds[a.b/c] is []; it must be an amount"),
        ({"flag": "rde"}, "flag is 'rde'; it must be red or green; did you mean red?"),
        ({"flag": ["red"]}, "flag is ['red']; it must be red or green"),
        ({"sails": "3"}, "sails is '3'; it must be a whole number: write 3 without quotes"),
        ({"sails": "many"}, "sails is 'many'; it must be a whole number"),
        ({"sails": 1.5}, "sails is 1.5; it must be a whole number"),
        ({"sails": True}, "sails is true; it must be a whole number"),
        ({"afloat": "True"}, "afloat is 'True'; it must be true or false: write true without"),
        ({"afloat": "yes"}, "afloat is 'yes'; it must be true or false"),
        ({"berth": 1.5}, "berth is 1.5; it must be a port or the name of one"),
        ({"name": 7}, 'name is 7 without quotes; it must be text: write "7"'),
        ({"name": True}, 'name is true without quotes; it must be text: write "true"'),
        ({"name": {}}, "name is a mapping; it must be text"),
        ({"name": None}, "name is missing"),
    ],
)
def test_each_slip_makes_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    (found,) = faults({**GOOD, **changes})
    assert found.startswith(sentence)


@pytest.mark.parametrize(
    ("changes", "meant"),
    [
        ({"nmae": "x", "name": None}, {"name": "x"}),
        ({"nmae": "x"}, {"name": "Pinch"}),
        ({"name": 7}, {"name": "7"}),
        ({"sails": "-3"}, {"sails": -3}),
        ({"afloat": "False"}, {"afloat": False}),
        ({"flag": "gren"}, {"flag": "green"}),
        ({"crew": {}}, {"crew": []}),
        ({"crew": [None, {"rank": "cook"}]}, {"crew": [{}, {"rank": "cook"}]}),
    ],
)
def test_what_was_probably_meant_comes_back(changes: dict[str, Any], meant: dict[str, Any]) -> None:
    read_as, _ = read({**GOOD, **changes}, SHIP, "the navy")
    assert isinstance(read_as, dict)
    assert {name: read_as[name] for name in meant} == meant


def test_a_token_in_the_wrong_place_is_not_repeated() -> None:
    (found,) = faults({**GOOD, "flag": "lip_secretsecret12"})
    assert "secretsecret" not in found


def values(kind: Kind) -> st.SearchStrategy[object]:
    """Everything that fits."""
    match kind:
        case Part():
            return st.fixed_dictionaries(
                {name: values(kind.fields[name]) for name in kind.required},
                optional={
                    name: values(below)
                    for name, below in kind.fields.items()
                    if name not in kind.required
                },
            )
        case ListOf():
            return st.lists(values(kind.item), max_size=2)
        case MapOf():
            return st.dictionaries(st.text(max_size=3), values(kind.value), max_size=2)
        case Choice():
            return st.sampled_from(kind.words)
        case Plain():
            return PLAIN[kind]


PLAIN: dict[Plain, st.SearchStrategy[object]] = {
    Plain.TEXT: st.text(max_size=5),
    Plain.NUMBER: st.integers(),
    Plain.FLAG: st.booleans(),
    Plain.AMOUNT: st.sampled_from(["500m", "2Gi", 2, 0.5]),
    Plain.PORT: st.sampled_from([80, "http"]),
    Plain.ANYTHING: st.none() | st.integers() | st.lists(st.integers(), max_size=1),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(values(SHIP))
def test_nothing_that_fits_is_refused(value: object) -> None:
    assert faults(value) == []


@given(JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(SHIP.fields, JSON)))
def test_whatever_comes_is_read_and_then_fits(value: object) -> None:
    meant, found = read(value, SHIP, "the navy")
    assert all(isinstance(fault, Fault) for fault in found)
    if meant is not None:
        again, left = read(meant, SHIP, "the navy")
        assert all(fault.words == "is missing" for fault in left)
        assert again == meant or left


@given(values(SHIP), st.sampled_from(sorted(SHIP.fields)))
def test_a_field_with_two_letters_changed_round_is_found_and_meant(value: Any, name: str) -> None:
    slip = name[1] + name[0] + name[2:]
    value = {key: below for key, below in value.items() if key != name} | {slip: GOOD[name]}
    meant, found = read(value, SHIP, "the navy")
    assert [fault.route for fault in found] == [(slip,)]
    assert isinstance(meant, dict)
    assert name in meant


@pytest.mark.parametrize(
    ("route", "text"),
    [
        (("spec", "workerGroupSpecs", 0, "maxReplica"), "spec.workerGroupSpecs[0].maxReplica"),
        (("metadata", "annotations", "ray.io/x"), "metadata.annotations[ray.io/x]"),
        ((0, "a"), "[0].a"),
        ((), ""),
    ],
)
def test_a_route_is_written_as_operators_write_it(route: tuple[str | int, ...], text: str) -> None:
    assert dotted(route) == text
