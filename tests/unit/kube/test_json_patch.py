from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kube.json_patch import Unpatchable, patched

GAME = {"name": "game", "replicas": 1}
CLUSTER = {"spec": {"groups": [GAME], "a/b": 1, "m~n": 2}}

keys = st.text(alphabet="ab/~01-", max_size=3)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=4,
)
objects = st.dictionaries(keys, documents, max_size=4)


def pointer(key: str) -> str:
    return "/" + key.replace("~", "~0").replace("/", "~1")


def add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def replace(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def remove(path: str) -> dict[str, Any]:
    return {"op": "remove", "path": path}


def expect(path: str, value: Any) -> dict[str, Any]:
    return {"op": "test", "path": path, "value": value}


@pytest.mark.parametrize(
    ("operation", "groups"),
    [
        (add("/spec/groups/0", 7), [7, GAME]),
        (add("/spec/groups/1", 7), [GAME, 7]),
        (add("/spec/groups/-", 7), [GAME, 7]),
        (add("/spec/groups/0/replicas", 3), [{"name": "game", "replicas": 3}]),
        (replace("/spec/groups/0/replicas", 3), [{"name": "game", "replicas": 3}]),
        (replace("/spec/groups/0", 7), [7]),
        (remove("/spec/groups/0/replicas"), [{"name": "game"}]),
        (remove("/spec/groups/0"), []),
        (expect("/spec/groups/0/replicas", 1), [GAME]),
    ],
)
def test_an_operation_changes_what_it_names(operation: Any, groups: list[Any]) -> None:
    assert patched(CLUSTER, [operation])["spec"] == {**CLUSTER["spec"], "groups": groups}


def test_a_slash_and_a_tilde_have_words_of_their_own() -> None:
    changed = patched(CLUSTER, [replace("/spec/a~1b", "slash"), replace("/spec/m~0n", "tilde")])
    assert (changed["spec"]["a/b"], changed["spec"]["m~n"]) == ("slash", "tilde")


def test_replace_adds_a_member_that_is_missing_as_the_api_server_does() -> None:
    picked = replace("/spec/groups/0/scaleStrategy", {"workersToDelete": ["game-1"]})
    (group,) = patched(CLUSTER, [picked])["spec"]["groups"]
    assert group == {**GAME, "scaleStrategy": {"workersToDelete": ["game-1"]}}


@pytest.mark.parametrize(
    "operation",
    [
        expect("/spec/groups/0/replicas", 2),
        expect("/spec/nothing", None),
        remove("/spec/nothing"),
        remove("/spec/groups/1"),
        replace("/spec/groups/1", 7),
        replace("/spec/groups/-1", 7),
        replace("/spec/groups/-", 7),
        add("/spec/groups/2", 7),
        add("/spec/groups/x", 7),
        add("/spec/nothing/more", 7),
        add("/spec/a~1b/more", 7),
        add("spec", 7),
        add("", 7),
        {"op": "move", "from": "/spec", "path": "/there"},
        {"op": "add", "path": "/spec/x"},
        {"path": "/spec/x", "value": 7},
    ],
)
def test_what_does_not_fit_changes_nothing(operation: Any) -> None:
    before = deepcopy(CLUSTER)
    with pytest.raises(Unpatchable, match="does not apply"):
        patched(CLUSTER, [replace("/spec/groups/0/replicas", 9), operation])
    assert before == CLUSTER


@given(document=objects, key=keys, value=documents)
def test_what_was_added_is_there_and_can_be_taken_away(document: Any, key: str, value: Any) -> None:
    path = pointer(key)
    added = patched(document, [add(path, value), expect(path, value)])
    assert added == {**document, key: value}
    without = {name: part for name, part in document.items() if name != key}
    assert patched(added, [remove(path)]) == without


@given(document=objects, key=keys, value=documents)
def test_neither_the_document_nor_the_patch_is_a_part_of_what_comes_out(
    document: Any, key: str, value: Any
) -> None:
    before = deepcopy((document, value))
    changed = patched({"in": document}, [add("/out", {"value": value})])
    changed["in"][key] = changed["out"]["more"] = "changed"
    assert (document, value) == before


@given(document=objects)
def test_no_operation_is_no_change(document: Any) -> None:
    assert patched(document, []) == document
