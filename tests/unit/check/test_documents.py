"""Manifests are read as Kubernetes reads them, and what is none is refused in one sentence."""

from pathlib import Path

import pytest

from crabstick.check.documents import read_manifests, read_objects
from crabstick.errors import ConfigError


def test_several_objects_and_those_of_a_list_are_read_one_by_one() -> None:
    text = "kind: A\n---\n---\nkind: List\nitems: [{kind: B}, {kind: C}]\n"
    assert read_objects(text, "x") == [{"kind": "A"}, {"kind": "B"}, {"kind": "C"}]


def test_nulls_are_not_there_and_dates_are_text() -> None:
    assert read_objects("a: [{b: null, c: 2026-01-02}]\n", "x") == [{"a": [{"c": "2026-01-02"}]}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1", "x.yaml, line 1, column 6: "),
        ("a: {{ .Values.a }}\nb: [", "this is a template; render it first"),
        ("- a", "a manifest must be a mapping"),
        ("a: \0", "holds something that YAML cannot read"),
        ("a: &a [*a]", "within their own anchor"),
    ],
)
def test_what_is_no_manifest_is_refused_in_one_sentence(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_objects(text, "x.yaml")
    assert words in str(caught.value)


def test_a_place_where_nothing_is_is_refused(tmp_path: Path) -> None:
    for place, words in {
        str(tmp_path / "nowhere.yaml"): "there is no such file",
        str(tmp_path): "is a folder without kustomization.yaml",
        "": "is a folder without kustomization.yaml",
    }.items():
        with pytest.raises(ConfigError, match=words):
            read_manifests(place)
