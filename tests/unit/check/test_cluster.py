"""A running cluster: what is well there, and one sentence with the fix for what is not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.ops.probe_results import Autoscaler, ClockOffset, NodeFacts, NodeReport, ScalingReport
from crabstick.check.all_checks import CLUSTER, findings
from crabstick.check.running_cluster import RunningCluster, apart_s
from crabstick.errors import EnvironmentProblem
from crabstick.rules.lichess_types import NodeId
from crabstick.settings import Settings

FLAGS = {
    "RAY_worker_niceness": "0",
    "RAY_memory_monitor_refresh_ms": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "600",
}
NO_TIME = ClockOffset(least_s=-0.01, most_s=0.01)
V2 = ScalingReport(autoscaler=Autoscaler.V2)
GROWING = Settings.model_validate({"cluster": {"autoscaling": True}})
LOST: dict[str, Any] = {"facts": None, "unseen": "it did not answer within 30 s", "is_lost": True}
NONE = ScalingReport(autoscaler=Autoscaler.NONE)


LOOK = NodeFacts(
    python="3.11.7",
    version="0.1.0",
    code="c0de",
    has_token=True,
    has_engine=True,
    flags=FLAGS,
    monitor="",
    clock=NO_TIME,
)
HEAD = NodeReport(id=NodeId("aaaaaaaaaaaa1"), names=("10.0.0.1",), is_head=True, facts=LOOK)
WORKER = NodeReport(
    id=NodeId("bbbbbbbbbbbb2"),
    names=("10.0.0.2",),
    cpus=8.0,
    slots=8,
    total={"CPU": 8.0, "memory": 4e9},
    facts=LOOK,
)


def a_look(**changes: Any) -> NodeFacts:
    return replace(LOOK, **changes)


def a_head(**changes: Any) -> NodeReport:
    return replace(HEAD, **changes)


def a_worker(**changes: Any) -> NodeReport:
    return replace(WORKER, **changes)


def a_cluster(*nodes: NodeReport, **changes: Any) -> RunningCluster:
    fields: dict[str, Any] = {
        "python": "3.11.7",
        "version": "0.1.0",
        "code": "c0de",
        "nodes": nodes or (a_head(), a_worker()),
        "scaling": NONE,
        "settings": Settings(),
    }
    return RunningCluster(**{**fields, **changes})


def said(cluster: RunningCluster) -> dict[str, str]:
    return {subject: found.words for subject, found in findings(CLUSTER, cluster)}


def problems(cluster: RunningCluster) -> list[str]:
    return [
        f"{subject}: {found.words}"
        for subject, found in findings(CLUSTER, cluster)
        if found.problem is EnvironmentProblem
    ]


def test_a_cluster_as_it_should_be_has_a_line_for_each_check() -> None:
    lines = said(a_cluster())
    assert list(lines) == [each.subject for each in CLUSTER]
    assert lines["head"] == "aaaaaaaaaaaa (10.0.0.1) plays no games"
    assert lines["room"] == "8 slots for 4 games and a standby of 1"
    assert lines["code"] == "the same on every node, and here"
    assert problems(a_cluster()) == []


def test_a_head_with_cpus_is_named_with_the_fix() -> None:
    (line,) = problems(a_cluster(a_head(cpus=2.0, slots=2), a_worker()))
    assert line.startswith("head: the head aaaaaaaaaaaa (10.0.0.1) offers 2 CPUs for games")
    assert "--num-cpus=0" in line


def test_the_head_of_our_own_ray_plays_and_that_is_well() -> None:
    own = a_cluster(a_head(cpus=5.0, slots=5, total={"CPU": 5.0, "memory": 4e9}), is_own=True)
    assert problems(own) == []
    assert "plays as well" in said(own)["head"]


def test_a_cluster_without_a_head_is_named() -> None:
    assert problems(a_cluster(a_worker()))[0].startswith("head: no living node is the head")


@pytest.mark.parametrize(
    ("scaling", "words"),
    [
        (
            NONE,
            "no autoscaler runs, so no node comes when",
        ),
        (ScalingReport(autoscaler=Autoscaler.V1), "ends busy nodes without a drain"),
        (replace(V2, is_silent=True), "has said nothing for 20 s"),
        (
            replace(V2, homeless=("default",)),
            "knows no group of nodes with the 1 CPUs and 256 MB that",
        ),
    ],
)
def test_an_autoscaler_that_will_not_do_is_named(scaling: ScalingReport, words: str) -> None:
    (line,) = problems(a_cluster(a_head(), a_worker(group="game"), scaling=scaling))
    assert line.startswith("autoscaler: ")
    assert words in line


def test_an_autoscaler_that_answers_is_well() -> None:
    assert said(a_cluster(scaling=V2, settings=GROWING))["autoscaler"] == "v2, and it answers"
    assert "fully only with cluster.aut" in said(a_cluster(scaling=V2))["autoscaler"]


def test_settings_that_count_on_an_autoscaler_need_one() -> None:
    (line,) = problems(a_cluster(settings=GROWING))
    assert line.startswith("autoscaler: no autoscaler runs")
    assert "cluster.autoscaling: false" in line


def test_too_little_room_is_a_problem_only_where_nothing_grows() -> None:
    small = (a_head(), a_worker(slots=2))
    (line,) = problems(a_cluster(*small))
    assert line.startswith("room: the cluster has 2 slots for games, and challenges.max_games (4)")
    assert problems(a_cluster(*small, scaling=V2)) == []
    assert "so far; more nodes come" in said(a_cluster(*small, scaling=V2))["room"]


LEELA = Settings.model_validate(
    {"engines": {"human": {"gpus": 0.25, "kind": "uci", "path": "lc0"}}}
)


def test_an_engine_that_fits_no_node_is_named_with_what_the_nodes_have() -> None:
    (line,) = problems(a_cluster(settings=LEELA))
    assert line == (
        "slots: no node has the 1 CPUs, 256 MB and 0.25 GPUs that engines.human asks for: those "
        "for games are 1 with 8 CPUs, 3814 MB and 0 GPUs: add such a node, or ask for less"
    )
    growing = a_cluster(settings=LEELA, scaling=V2)
    assert problems(growing) == []
    assert "so far; such a node comes when" in said(growing)["slots"]
    hopeless = a_cluster(settings=LEELA, scaling=replace(V2, homeless=("human",)))
    assert "0.25 GPUs that engines.human asks for: add such a group" in problems(hopeless)[0]


def test_a_node_that_drains_is_named_and_does_not_count_as_room() -> None:
    leaving = a_worker(drains_in=timedelta(seconds=40), facts=None, unseen="it drains")
    cluster = a_cluster(a_head(), leaving)
    assert said(cluster)["drains"].startswith("bbbbbbbbbbbb (10.0.0.2) leaves within 40 s")
    assert [line.partition(":")[0] for line in problems(cluster)] == ["room"]
    assert said(cluster)["nodes"] == "bbbbbbbbbbbb (10.0.0.2) has not been looked at: it drains"


@pytest.mark.parametrize(
    ("look", "words"),
    [
        ({"code": "", "version": ""}, "code: bbbbbbbbbbbb (10.0.0.2) has no code of crabstick"),
        ({"code": "0ld", "version": "0.0.9"}, "has crabstick 0.0.9 with other code than this"),
        ({"has_token": False}, "Lichess token: bbbbbbbbbbbb (10.0.0.2) has no Lichess token"),
        ({"has_engine": False}, "has no Python package pyffish, the bundled engine: install"),
        ({"python": "3.11.9"}, "Python: bbbbbbbbbbbb (10.0.0.2) has Python 3.11.9, and this is"),
        (
            {"flags": {**FLAGS, "RAY_worker_niceness": "15"}},
            "has RAY_worker_niceness=15, and the head has RAY_worker_niceness=0: set 0",
        ),
        (
            {"flags": {**FLAGS, "RAY_memory_monitor_refresh_ms": "250"}},
            "has RAY_memory_monitor_refresh_ms=250, and the head has",
        ),
        ({"flags": {}}, "has no RAY_gcs_rpc_server_reconnect_timeout_s, and the head has"),
        (
            {"clock": ClockOffset(least_s=3.0, most_s=3.2)},
            "bbbbbbbbbbbb (10.0.0.2) has a clock at least 3.0 s ahead of the head's",
        ),
        (
            {"clock": ClockOffset(least_s=-3.2, most_s=-3.0)},
            "clock at least 3.0 s behind the head's",
        ),
    ],
)
def test_a_node_that_is_not_as_the_others_is_named_with_the_fix(
    look: dict[str, Any], words: str
) -> None:
    found = problems(a_cluster(a_head(), a_worker(facts=a_look(**look))))
    assert words in found[0]
    assert len(found) == (len(FLAGS) if look.get("flags") == {} else 1)


def test_the_file_of_the_token_is_named_where_there_is_one() -> None:
    settings = Settings.model_validate({"lichess": {"token_file": "/run/token"}})
    head = a_head(facts=a_look(has_token=False))
    (line,) = problems(a_cluster(head, a_worker(), settings=settings))
    assert "LICHESS_BOT_TOKEN or the file /run/token" in line


def test_a_flag_that_no_node_has_is_named_once() -> None:
    bare = a_look(flags={})
    *_, last = problems(a_cluster(a_head(facts=bare), a_worker(facts=bare)))
    assert last.startswith(
        "variables: aaaaaaaaaaaa (10.0.0.1), bbbbbbbbbbbb (10.0.0.2) have no RAY"
    )


@pytest.mark.parametrize(
    "nodes",
    [(HEAD, a_worker(**LOST)), (a_head(**LOST), a_worker(facts=a_look(flags={})))],
)
def test_a_node_that_gave_no_answer_is_a_problem_and_is_not_compared_with(
    nodes: tuple[NodeReport, ...],
) -> None:
    (line,) = problems(a_cluster(*nodes))
    assert "has not been looked at: it did not answer within 30 s" in line


@given(st.floats(-9, 9), st.floats(0, 2), st.floats(-9, 9), st.floats(0, 2))
def test_two_clocks_are_apart_by_no_more_than_is_certain(
    one: float, wide: float, other: float, wider: float
) -> None:
    first = ClockOffset(least_s=one - wide, most_s=one + wide)
    second = ClockOffset(least_s=other - wider, most_s=other + wider)
    apart = apart_s(first, second)
    assert abs(apart) <= abs(other - one) + 1e-9
    assert apart == pytest.approx(-apart_s(second, first))
    if wide == wider == 0:
        assert apart == pytest.approx(other - one)
