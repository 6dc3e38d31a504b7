"""What of a pair is started anew; the real one is killed in tests/e2e/test_head_loss.py."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from actors.local_ray import fault_tolerant, head
from actors.local_ray.fault_tolerant import bring_back_head, replace_worker, start_pair
from actors.local_ray.head import LocalRay, find_local_ray
from actors.local_ray.profiles import FULL, HOOK_VARIABLE, SMALL, Profile
from actors.local_ray.record import LocalNode, Record, recall, remember, store
from crabstick.errors import EnvironmentProblem

NOBODY = 2**22 + 1
"""No pid is that large."""
HEAD, WORKER = LocalNode(pid=NOBODY, born_s=0), LocalNode(pid=NOBODY + 1, born_s=0)
PAIR = LocalRay(address="127.0.0.1:1", pid=HEAD.pid, born_s=0, worker=WORKER)


class Nodes:
    """Nodes that are there as soon as they are started, unless they are told to fail."""

    def __init__(self) -> None:
        self.alive: set[int] = set()
        self.started: list[str] = []
        self.ended: list[int] = []
        self.notes: list[Record | None] = []
        self.fails = ""
        self.commands: list[list[str]] = []
        self.hooks: dict[int, str] = {}

    def start(
        self,
        command: Callable[[], list[str]],
        note: Callable[[LocalNode], None],
        _say: Callable[[str], None],
        variables: Mapping[str, str],
    ) -> LocalNode:
        self.commands.append(command())
        kind = "head" if "--head" in self.commands[-1] else "worker"
        assert ("RAY_gcs_storage" in variables) == (kind == "head")
        node = LocalNode(pid=NOBODY + 10 + len(self.started), born_s=0, is_up=False)
        self.hooks[node.pid] = variables[HOOK_VARIABLE]
        self.started.append(kind)
        note(node)
        self.notes.append(recall())
        if self.fails == kind:
            raise EnvironmentProblem("Ray did not start")
        self.alive.add(node.pid)
        node = LocalNode(pid=node.pid, born_s=0)
        note(node)
        self.notes.append(recall())
        return node

    def end(self, pid: int, _born_s: float | None = None) -> None:
        self.ended.append(pid)
        self.alive.discard(pid)

    def variable_of(self, node: LocalNode, name: str) -> str | None:
        assert name == HOOK_VARIABLE
        return self.hooks.get(node.pid) if node.pid in self.alive else None


@pytest.fixture(autouse=True)
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nodes:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    (tmp_path / ".ray").mkdir()
    nodes = Nodes()
    monkeypatch.setattr(fault_tolerant, "start_node", nodes.start)
    for module in (fault_tolerant, head):
        monkeypatch.setattr(module, "authenticate", lambda: None)
        monkeypatch.setattr(module, "end_node", nodes.end)
    monkeypatch.setattr(head, "is_alive", lambda node: node.pid in nodes.alive)
    monkeypatch.setattr(head, "variable_of", nodes.variable_of)
    remember(Record(address=PAIR.address, head=HEAD, worker=WORKER))
    return nodes


def test_a_pair_is_started_head_first_and_found_again(nodes: Nodes) -> None:
    local = start_pair(cpus=3, say=print)
    assert nodes.started == ["head", "worker"]
    assert find_local_ray() == local
    assert store().is_dir()
    assert not local.has_lost_head
    assert not local.has_lost_worker


def test_a_pair_whose_start_was_cut_short_is_never_taken_for_a_single_ray(nodes: Nodes) -> None:
    start_pair(cpus=3, say=print)
    for note in nodes.notes:
        assert note is not None
        assert not (note.head.is_up and note.worker is None)


@pytest.mark.parametrize("kind", ["head", "worker"])
def test_of_a_pair_that_does_not_start_nothing_is_left(nodes: Nodes, kind: str) -> None:
    nodes.fails = kind
    with pytest.raises(EnvironmentProblem, match="Ray did not start"):
        start_pair(cpus=3, say=print)
    assert nodes.alive == set()
    assert recall() is None
    assert not store().exists()


def test_the_port_is_none_that_a_client_gets(nodes: Nodes) -> None:
    port = int(start_pair(cpus=3, say=print).address.rpartition(":")[2])
    assert nodes.started
    assert port in fault_tolerant.PORTS


def test_when_all_is_well_nothing_is_started(nodes: Nodes) -> None:
    nodes.alive |= {HEAD.pid, WORKER.pid}
    assert bring_back_head(PAIR, print) == PAIR
    assert replace_worker(PAIR, cpus=3, say=print) == PAIR
    assert nodes.started == []
    assert nodes.ended == []


def test_a_head_that_is_gone_comes_back_at_its_address_beside_the_same_games(nodes: Nodes) -> None:
    nodes.alive.add(WORKER.pid)
    local = bring_back_head(PAIR, print)
    assert nodes.started == ["head"]
    assert nodes.ended == [HEAD.pid]
    assert (local.address, local.worker) == (PAIR.address, WORKER)
    assert find_local_ray() == local
    assert not local.has_lost_head


def test_a_head_that_does_not_come_back_is_still_missed(nodes: Nodes) -> None:
    nodes.alive.add(WORKER.pid)
    nodes.fails = "head"
    with pytest.raises(EnvironmentProblem, match="Ray did not start"):
        bring_back_head(PAIR, print)
    local = find_local_ray()
    assert local is not None
    assert local.has_lost_head
    assert not local.is_unfinished
    assert WORKER.pid in nodes.alive


@pytest.mark.parametrize("ours", [PAIR.address, "192.0.2.2:1", "[2001:db8::2]:1"])
def test_only_our_own_address_is_taken_from_what_ray_would_connect_to(
    ours: str, nodes: Nodes, tmp_path: Path
) -> None:
    nodes.alive.add(WORKER.pid)
    file = tmp_path / "ray" / "ray_current_cluster"
    file.parent.mkdir()
    file.write_text("127.0.0.1:2", encoding="utf-8")
    bring_back_head(PAIR, print)
    assert file.read_text(encoding="utf-8") == "127.0.0.1:2"
    file.write_text(ours, encoding="utf-8")
    bring_back_head(PAIR, print)
    assert not file.exists()


def test_another_worker_takes_the_place_of_one_that_is_gone(nodes: Nodes) -> None:
    nodes.alive.add(HEAD.pid)
    local = replace_worker(PAIR, cpus=3, say=print)
    assert nodes.started == ["worker"]
    assert nodes.ended == [WORKER.pid]
    assert local.pid == HEAD.pid
    assert not local.has_lost_worker
    assert find_local_ray() == local


def test_a_single_ray_gets_no_worker(nodes: Nodes) -> None:
    single = LocalRay(address="127.0.0.1:1", pid=HEAD.pid, born_s=0)
    assert replace_worker(single, cpus=3, say=print) == single
    assert bring_back_head(single, print) == single
    assert nodes.started == []


@pytest.mark.parametrize("profile", [FULL, SMALL])
def test_both_keep_the_form_that_they_were_started_in(nodes: Nodes, profile: Profile) -> None:
    local = start_pair(cpus=3, say=print, profile=profile)
    assert local.profile is profile
    nodes.alive.discard(local.pid)
    local = bring_back_head(local, print)
    assert local.worker is not None
    nodes.alive.discard(local.worker.pid)
    local = replace_worker(local, cpus=3, say=print)
    assert nodes.started == ["head", "worker", "head", "worker"]
    assert set(nodes.hooks.values()) == {profile.variables[HOOK_VARIABLE]}
    for kind, command in zip(nodes.started, nodes.commands, strict=True):
        wanted = {*profile.options, *(profile.head_options if kind == "head" else ())}
        assert wanted == wanted & set(command)
        assert ("--include-dashboard=false" in command) == (profile is SMALL and kind == "head")
