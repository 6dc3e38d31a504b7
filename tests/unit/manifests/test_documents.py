"""YAML as Kubernetes reads it, with the lines of what it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.errors import ConfigError
from crabstick.manifests.documents import read_documents

TWO = """\
# a comment
kind: First
metadata: {name: one, namespace: here}
---
---
kind: Second
spec:
  items:
    - a: 1
    - b:
        c: 2
"""


def test_each_object_is_a_document_and_an_empty_one_is_none() -> None:
    first, second = read_documents(TWO, "two.yaml")
    assert (first.kind, first.name, first.namespace) == ("First", "one", "here")
    assert (second.kind, second.name, second.namespace) == ("Second", "", "")


def test_every_value_has_its_line() -> None:
    _, second = read_documents(TWO, "two.yaml")
    assert second.line(("kind",)) == 6
    assert second.line(("spec", "items", 0, "a")) == 9
    assert second.line(("spec", "items", 1, "b", "c")) == 11


def test_what_is_not_there_has_the_line_of_what_is_around_it() -> None:
    _, second = read_documents(TWO, "two.yaml")
    assert second.line(("spec", "items", 1, "nothing", "below")) == 10
    assert second.line(("nowhere",)) == 6


def test_the_items_of_a_list_are_objects_with_lines_of_their_own() -> None:
    text = "kind: List\nitems:\n- kind: A\n- kind: B\n  x:\n    y: 1\n"
    first, second = read_documents(text, "list.yaml")
    assert (first.kind, second.kind) == ("A", "B")
    assert second.line(("x", "y")) == 6


def test_json_is_yaml_too() -> None:
    (only,) = read_documents('{"kind": "A", "metadata": {"name": "x"}}', "a.json")
    assert (only.kind, only.name) == ("A", "x")


def test_a_date_is_text_as_kubernetes_has_it_and_a_huge_number_as_well() -> None:
    (only,) = read_documents(f"a: 2026-01-01\nb: 0x{'f' * 5000}\nc: 12", "a.yaml")
    assert only.body["a"] == "2026-01-01"
    assert str(only.body["b"]).startswith("0xfff")
    assert only.body["c"] == 12


def test_an_alias_stands_for_its_anchor() -> None:
    (only,) = read_documents("a: &x {b: 1}\nc: *x\nd: {<<: *x}", "a.yaml")
    assert only.body == {"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [1", "a.yaml, line 1: expected"),
        ("a: 1\nb:\n\t- c", "a.yaml, line 3: a tab; YAML takes spaces only"),
        ("a: 1\na: 2", "a.yaml, line 2: a stands there a second time, after line 1; keep one"),
        ("x: 1\n---\nb: {c: 1, c: 2}", "a.yaml, line 3: c stands there a second time"),
        ("- 1", "a.yaml, line 1: a manifest must be a mapping with apiVersion"),
        ("a: {{ .Values.a }}", "a.yaml, line 1: this is a template; render it first"),
        ("{{- if .Values.a }}\na: 1", "a.yaml, line 1: this is a template; render it first"),
        ("a: !vault x", "a.yaml, line 1: a tag (!...) of another program; write the value"),
        ("a: *x", "a.yaml, line 1: found undefined alias"),
        (
            "a: !!python/object:os.system {}",
            "a.yaml, line 1: a tag (!...) of another program; write",
        ),
        ("a: \x01", "a.yaml holds something that YAML cannot read"),
        ("kind: List\nitems: [1]", "a.yaml, line 1: a manifest must be a mapping"),
        ("[" * 100 + "]" * 100, "a.yaml, line 1: this is too deep or too large for a manifest"),
        ("[" * 5000, "a.yaml"),
        ("a: &a [*a]", "a.yaml, line 1: this is too deep or too large"),
    ],
)
def test_what_is_no_manifest_is_told_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_documents(text, "a.yaml")
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_a_small_text_cannot_grow_large_by_aliases() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    with pytest.raises(ConfigError, match="too deep or too large"):
        read_documents("\n".join(lines), "bomb.yaml")


@given(st.text(alphabet="ab:-[]{}*&#\n 01'\"!?|>%@`\t,", max_size=60))
def test_any_text_is_documents_or_one_sentence(text: str) -> None:
    sentence = refused(text)
    assert not sentence or sentence.startswith("a.yaml")
    assert "\n" not in sentence


def refused(text: str) -> str:
    try:
        read_documents(text, "a.yaml")
    except ConfigError as error:
        return str(error)
    return ""
