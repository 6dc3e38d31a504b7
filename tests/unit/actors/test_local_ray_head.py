"""Which local Ray is found again; starting and ending one is tested with a real one."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from actors.local_ray import head as local_ray
from actors.local_ray.head import LocalRay, find_local_ray, head_options, start_local_ray
from actors.local_ray.node import ENVIRONMENT
from actors.local_ray.profiles import FULL, HOOK_VARIABLE, SMALL, Profile
from actors.local_ray.record import LocalNode, Record, make_store, recall, remember, store

NOBODY = 2**22 + 1
"""No pid is that large."""
HEAD, WORKER = NOBODY + 2, NOBODY + 3


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ray").mkdir()


@pytest.fixture
def living(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The pids of which a test says that their node lives."""
    pids: set[int] = set()
    monkeypatch.setattr(local_ray, "is_alive", lambda node: node.pid in pids)
    monkeypatch.setattr(local_ray, "authenticate", lambda: None)
    return pids


def record(pid: int, born_s: float = 0, worker: LocalNode | None = None) -> Record:
    return Record(address="127.0.0.1:1", head=LocalNode(pid=pid, born_s=born_s), worker=worker)


def test_nothing_remembered_is_no_ray() -> None:
    assert find_local_ray() is None


@pytest.mark.parametrize("pid", [NOBODY, os.getpid()], ids=["nobody", "no Ray"])
def test_a_record_of_another_process_is_no_ray(pid: int) -> None:
    remember(record(pid, psutil.Process().create_time()))
    assert find_local_ray() is None


@pytest.mark.parametrize(
    ("alive", "is_found", "has_lost_head", "has_lost_worker"),
    [
        ({HEAD, WORKER}, True, False, False),
        ({WORKER}, True, True, False),
        ({HEAD}, True, False, True),
        (set(), False, True, True),
    ],
)
def test_a_pair_is_found_as_long_as_one_of_the_two_lives(
    living: set[int],
    alive: set[int],
    *,
    is_found: bool,
    has_lost_head: bool,
    has_lost_worker: bool,
) -> None:
    living |= alive
    remember(record(HEAD, worker=LocalNode(pid=WORKER, born_s=0)))
    local = find_local_ray()
    assert (local is not None) == is_found
    if local is not None:
        assert (local.has_lost_head, local.has_lost_worker) == (has_lost_head, has_lost_worker)
        assert not local.is_unfinished


def test_a_part_of_a_pair_that_was_never_up_is_lost_though_its_process_lives(
    living: set[int],
) -> None:
    living |= {HEAD, WORKER}
    rising = LocalNode(pid=WORKER, born_s=0, is_up=False)
    assert LocalRay(address="a:1", pid=HEAD, born_s=0, worker=rising).has_lost_worker
    worker = LocalNode(pid=WORKER, born_s=0)
    local = LocalRay(address="a:1", pid=HEAD, born_s=0, is_up=False, worker=worker)
    assert local.has_lost_head
    assert not local.is_unfinished


def test_a_single_ray_has_nothing_that_could_be_started_anew(living: set[int]) -> None:
    assert not living
    local = LocalRay(address="a:1", pid=HEAD, born_s=0)
    assert not local.has_lost_head
    assert not local.has_lost_worker
    assert replace(local, is_up=False).is_unfinished


def test_ending_what_is_gone_forgets_it() -> None:
    remember(record(NOBODY))
    LocalRay(address="127.0.0.1:1", pid=NOBODY).end()
    assert recall() is None


def test_ending_one_does_not_forget_another() -> None:
    remember(record(NOBODY))
    LocalRay(address="127.0.0.1:1", pid=NOBODY + 1).end()
    assert recall() == record(NOBODY)


@pytest.mark.parametrize(
    ("local", "stays"),
    [
        (LocalRay(address="a:1", pid=NOBODY), True),
        (LocalRay(address="a:1", pid=NOBODY, is_up=False), False),
        (LocalRay(address="a:1", pid=NOBODY, worker=LocalNode(pid=NOBODY, born_s=0)), False),
    ],
)
def test_the_store_goes_with_its_ray(local: LocalRay, *, stays: bool) -> None:
    make_store()
    local.end()
    assert store().exists() == stays


def test_the_environment_of_our_ray_lets_games_outlive_its_head() -> None:
    assert ENVIRONMENT["RAY_gcs_rpc_server_reconnect_timeout_s"] == "600"
    assert ENVIRONMENT["RAY_worker_niceness"] == "0"


@pytest.mark.parametrize(("profile", "is_small"), [(FULL, False), (SMALL, True)])
def test_only_the_small_form_goes_without_dashboard_and_room_for_objects(
    profile: Profile, *, is_small: bool
) -> None:
    options = head_options("127.0.0.1:6379", 2.5, profile)
    assert {"--head", "--port=6379", "--num-cpus=3"} <= set(options)
    for option in ("--include-dashboard=false", "--no-monitor", "--object-store-memory=80000000"):
        assert (option in options) == is_small


@pytest.mark.parametrize("profile", [FULL, SMALL])
def test_a_ray_is_started_in_its_form(monkeypatch: pytest.MonkeyPatch, profile: Profile) -> None:
    started: list[tuple[list[str], Mapping[str, str]]] = []

    def start(
        command: Callable[[], list[str]],
        note: Callable[[LocalNode], None],
        _say: Callable[[str], None],
        variables: Mapping[str, str],
    ) -> LocalNode:
        started.append((command(), variables))
        node = LocalNode(pid=HEAD, born_s=0)
        note(node)
        return node

    monkeypatch.setattr(local_ray, "authenticate", lambda: None)
    monkeypatch.setattr(local_ray, "start_node", start)
    local = start_local_ray(cpus=2, profile=profile)
    ((command, variables),) = started
    assert variables == profile.variables
    assert ("--include-dashboard=false" in command) == (profile is SMALL)
    assert recall() == record_at(local.address, HEAD)


def record_at(address: str, pid: int) -> Record:
    return Record(address=address, head=LocalNode(pid=pid, born_s=0))


@pytest.mark.parametrize(
    ("hooks", "profile"),
    [
        ({HEAD: SMALL, WORKER: SMALL}, SMALL),
        ({WORKER: SMALL}, SMALL),
        ({HEAD: SMALL}, SMALL),
        ({HEAD: FULL, WORKER: FULL}, FULL),
        ({}, FULL),
    ],
)
def test_a_node_that_lives_tells_the_form(
    monkeypatch: pytest.MonkeyPatch, hooks: Mapping[int, Profile], profile: Profile
) -> None:
    def variable_of(node: LocalNode, name: str) -> str | None:
        return hooks[node.pid].variables[name] if node.pid in hooks else None

    monkeypatch.setattr(local_ray, "variable_of", variable_of)
    local = LocalRay(address="a:1", pid=HEAD, born_s=0, worker=LocalNode(pid=WORKER, born_s=0))
    assert local.profile is profile
    assert LocalRay(address="a:1", pid=HEAD).profile is FULL


def test_the_form_of_a_ray_is_nothing_that_every_node_everywhere_must_have() -> None:
    assert HOOK_VARIABLE in ENVIRONMENT
    assert ENVIRONMENT.keys() & {*FULL.variables, *SMALL.variables} == {HOOK_VARIABLE}
