"""Every YAML file is read by one reader: plain values, or one sentence with the place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.errors import ConfigError
from crabstick.yaml_documents import read_document, read_documents


def refused(text: str) -> str:
    try:
        read_documents(text, "a.yaml")
    except ConfigError as error:
        return str(error)
    return ""


def test_a_text_has_any_number_of_documents_and_some_are_empty() -> None:
    assert read_documents("# none\n", "a.yaml") == []
    assert read_documents("a: yes\n---\n---\nb: yes\n...\n", "a.yaml") == [
        {"a": True},
        None,
        {"b": True},
    ]


def test_the_only_document_is_its_value_and_no_text_is_none() -> None:
    assert read_document("", "a.yaml") is None
    assert read_document("[1]", "a.yaml") == [1]
    with pytest.raises(ConfigError, match=r"a\.yaml holds 2 YAML documents"):
        read_document("a\n---\nb", "a.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", True),
        ("y", "y"),
        ("010", 8),
        ("1:30", 90),
        ("1e3", "1e3"),
        ("2026-99-99", "2026-99-99"),
        ("~", None),
        (f"0x{'f' * 5000}", f"0x{'f' * 5000}"),
        ("%YAML 1.2\n---\nyes", True),
    ],
)
def test_values_are_those_of_yaml_1_1_without_dates(text: str, value: object) -> None:
    assert read_documents(text, "a.yaml") == [value]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [1", "a.yaml, line 1, column 6: expected ',' or ']'"),
        ("a: b: c", "a.yaml, line 1, column 5: mapping values are not allowed here"),
        ("a: 1\nb:\n\t- c", "a.yaml, line 3, column 1: a tab; YAML takes spaces only"),
        (
            "a: 1\na: 2",
            "a.yaml, line 2, column 1: a is repeated; it is already in line 1; keep one",
        ),
        (
            "x: 1\n---\nb: {c: 1, c: 2}",
            "a.yaml, line 3, column 11: c is repeated; it is already in line 3",
        ),
        ("1: secret\n0x1: 2", "a.yaml, line 2, column 1: found duplicate key"),
        ("{a: b}: 2", "a.yaml, line 1, column 1: a key must be text"),
        ("a: {{ .Values.a }}", "a.yaml, line 1, column 5: this is a template; render it first"),
        ("a: !vault x", "a.yaml, line 1, column 4: a tag (!...) of another program; write the"),
        ("a: *x", "a.yaml, line 1, column 4: found undefined alias"),
        ("[" * 5000, "a.yaml holds something that YAML cannot read"),
        ("a: \x01", "a.yaml holds something that YAML cannot read"),
        ("a: !!bool maybe", "a.yaml holds something that YAML cannot read"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(text: str, sentence: str) -> None:
    assert refused(text).startswith(sentence)
    assert "secret" not in refused(text)


def test_an_alias_stands_for_its_anchor() -> None:
    text = "a: &x {b: 1, c: 2}\nd: *x\ne: {<<: *x, b: 3}"
    (value,) = read_documents(text, "a.yaml")
    assert value == {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 2}, "e": {"b": 3, "c": 2}}


@given(st.text(alphabet="ab:-[]{}*&#\n 01'\"!?|>%@`\t,", max_size=60))
def test_any_text_is_documents_or_one_sentence(text: str) -> None:
    sentence = refused(text)
    assert not sentence or sentence.startswith("a.yaml")
    assert "\n" not in sentence


def test_aliases_of_aliases_are_read_until_they_are_too_many() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (value,) = read_documents("\n".join(lines[:3]), "a.yaml")
    assert isinstance(value, dict)
    assert value["a2"][9][9] == ["x"] * 10
    with pytest.raises(ConfigError, match=r"there are too many aliases \(\*name\)"):
        read_documents("\n".join(lines), "a.yaml")
    with pytest.raises(ConfigError, match="within their own anchor"):
        read_documents("a: &a [*a]", "a.yaml")


def test_text_below_a_verbatim_key_stays_as_it_is_written() -> None:
    text = "a: &x {b: off, c: 010, d: , e: ~}\nkeep: *x\nkeep2: [1.50, [on]]\nlast: {<<: *x, b: No}"
    value = read_document(text, "a.yaml", verbatim=("keep", "keep2", "last"))
    as_text = {"b": "off", "c": "010", "d": None, "e": None}
    assert value == {
        "a": {"b": False, "c": 8, "d": None, "e": None},
        "keep": as_text,
        "keep2": ["1.50", ["on"]],
        "last": {**as_text, "b": "No"},
    }
