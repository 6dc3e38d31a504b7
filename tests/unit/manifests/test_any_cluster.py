"""Whatever stands in a manifest, sentences come of it, and never a traceback."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from crabstick.errors import ConfigError, CrabstickError
from tests.unit.manifests.clusters import Manifest, a_cluster, a_group, a_pod, told

STORE = {"redisAddress": "r:1", "redisPassword": {"valueFrom": {"secretKeyRef": {"key": "k"}}}}
FULL = a_cluster(
    gcsFaultToleranceOptions=STORE,
    networkPolicy={"workerGroups": [{"groupName": "game"}]},
    tlsOptions={"enabled": True},
    historyServerOptions={"collectorOptions": {"image": "x"}},
    upgradeStrategy={"type": "None"},
    workerGroupSpecs=[a_group(), a_group("spot", labels={"a": "b"})],
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2**40) | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["name", "value", "env", "spec", "cpu", "x"]), inner, max_size=2
        )
    ),
    max_leaves=4,
)


def routes(value: object, route: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    below = [*enumerate(value)] if isinstance(value, list) else []
    for step, inner in value.items() if isinstance(value, dict) else below:
        yield (*route, step)
        yield from routes(inner, (*route, step))


ROUTES = [route for route in routes(FULL) if route != ("kind",)]
LABELS = {"matchLabels": {"ray.io/cluster": "crab"}}
PORTS = [{"name": "http", "port": 8000, "targetPort": "http"}]
META = {"name": "crabstick", "namespace": "crabstick"}
OTHERS: list[Manifest] = [
    {
        "kind": "Service",
        "metadata": META,
        "spec": {"selector": {"ray.io/node-type": "head"}, "ports": PORTS},
    },
    {
        "kind": "NetworkPolicy",
        "metadata": META,
        "spec": {"podSelector": LABELS, "ingress": [{"from": [{"podSelector": LABELS}]}]},
    },
    {
        "kind": "PodMonitor",
        "metadata": META,
        "spec": {
            "selector": {
                "matchExpressions": [{"key": "ray.io/group", "operator": "In", "values": ["x"]}]
            }
        },
    },
    {"kind": "Secret", "metadata": META, "data": {"k": "eA=="}, "stringData": {"l": "x"}},
    {
        "kind": "StatefulSet",
        "metadata": META,
        "spec": {
            "selector": LABELS,
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": a_pod()},
            "volumeClaimTemplates": [META],
        },
    },
]
OTHER_ROUTES = [
    (at, *route) for at, thing in enumerate(OTHERS) for route in routes(thing) if route != ("kind",)
]


@given(st.sampled_from(OTHER_ROUTES), VALUES)
def test_any_value_anywhere_in_another_object_makes_lines_of_one_line_each(
    route: tuple[Any, ...], value: object
) -> None:
    at, *way = route
    lines = told(FULL, with_value(tuple(way), value, OTHERS[at]))
    assert lines[0][0] == "settings"
    assert all("\n" not in f"{subject}: {words}" for subject, words in lines)


def with_value(route: tuple[Any, ...], value: object, thing: Manifest = FULL) -> Manifest:
    copy = deepcopy(thing)
    place: Any = copy
    for step in route[:-1]:
        place = place[step]
    place[route[-1]] = value
    return copy


@given(st.sampled_from(ROUTES), VALUES)
@example(("metadata", "name"), [])
@example(("spec",), None)
@example(("spec", "headGroupSpec"), 7)
@example(("spec", "workerGroupSpecs"), [None, 3])
def test_any_value_anywhere_makes_lines_of_one_line_each(
    route: tuple[Any, ...], value: object
) -> None:
    lines = told(with_value(route, value))
    assert lines[0][0] == "settings"
    assert all("\n" not in f"{subject}: {words}" for subject, words in lines)


@given(st.sampled_from([route for route in ROUTES if isinstance(route[-1], str)]))
def test_a_field_with_one_letter_more_is_a_wrong_wish(route: tuple[Any, ...]) -> None:
    copy = deepcopy(FULL)
    place: Any = copy
    for step in route[:-1]:
        place = place[step]
    place[f"{route[-1]}z"] = place.pop(route[-1])
    found = [words for _, words in told(copy) if isinstance(words, CrabstickError)]
    is_free = {"labels", "limits"} & set(route[:-1])
    assert any(isinstance(each, ConfigError) for each in found) or is_free
