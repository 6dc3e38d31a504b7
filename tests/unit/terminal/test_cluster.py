"""Which cluster a command means."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.local_ray.local_cluster import LocalCluster
from actors.local_ray.process_ref import ProcessRef
from crabstick.errors import EnvironmentProblem
from crabstick.settings import TOKEN_VARIABLE, Settings
from crabstick.terminal import find_cluster as module
from crabstick.terminal.find_cluster import (
    BotCluster,
    find_cluster,
    game_cpus,
    others_here,
    require_one_token,
    require_only_one,
    wait_restarted,
)
from tests.unit.local_rays import (
    CONFIG,
    DEAD,
    FILES,
    GONE,
    LOCAL,
    OTHER,
    STARTING,
    THIS,
    runs,
    use_home,
)

SETTINGS = Settings()
FOUND = BotCluster(address=LOCAL.address, files=FILES)


@pytest.fixture(autouse=True)
def steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[object]:
    """Collects what is ended."""
    steps: list[object] = []
    use_home(monkeypatch, tmp_path, steps)
    return steps


def test_a_named_cluster_goes_before_the_local_one(monkeypatch: pytest.MonkeyPatch) -> None:
    runs()
    assert find_cluster(SETTINGS, None) == FOUND
    monkeypatch.setenv("RAY_ADDRESS", "b:2")
    assert find_cluster(SETTINGS, None) == BotCluster(address="b:2")
    assert find_cluster(SETTINGS, "a:1") == BotCluster(address="a:1")


def test_only_the_living_bot_of_this_token_is_found() -> None:
    runs(OTHER, bot="lobster")
    for local in (None, DEAD):
        runs(FILES, local)
        assert find_cluster(SETTINGS, None) is None
    assert others_here(FILES, "crabstick") == "; with another token lobster runs here"
    assert others_here(OTHER, "crabstick") == ""


@pytest.mark.parametrize("local", [STARTING, replace(LOCAL, node=GONE)])
def test_a_bot_that_is_being_started_is_no_missing_one(local: LocalCluster) -> None:
    runs(FILES, local)
    with pytest.raises(EnvironmentProblem, match="being started: ask again"):
        find_cluster(SETTINGS, None)


def test_without_a_token_the_only_bot_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE)
    with pytest.raises(EnvironmentProblem, match=f"^no bot runs here, and {TOKEN_VARIABLE}"):
        find_cluster(SETTINGS, None)
    runs(FILES)
    assert find_cluster(SETTINGS, None) == FOUND
    runs(OTHER, bot="lobster")
    with pytest.raises(EnvironmentProblem, match=r"several bots .*\(crabby, lobster\)"):
        find_cluster(SETTINGS, None)


@pytest.mark.parametrize(
    ("last", "found"), [(LOCAL, LOCAL), (STARTING, None), (DEAD, None), (None, None)]
)
def test_a_restart_is_waited_for_unless_it_takes_too_long_or_is_given_up(
    monkeypatch: pytest.MonkeyPatch, last: LocalCluster | None, found: LocalCluster | None
) -> None:
    minutes = iter(range(10))
    monkeypatch.setattr("time.monotonic", lambda: 60 * next(minutes))
    monkeypatch.setattr("time.sleep", lambda _: runs(local=last))
    runs(local=STARTING)
    assert wait_restarted(FILES) == found


def test_a_cluster_is_lost_when_its_ray_died_or_another_took_its_place() -> None:
    lost = [BotCluster(address="a:1").is_lost]
    for local in (LOCAL, DEAD, replace(LOCAL, address="127.0.0.1:2"), None):
        runs(local=local)
        lost.append(FOUND.is_lost)
    assert lost == [False, False, True, True, True]


def test_the_supervisor_is_ended_before_its_ray_and_no_other_cluster(
    monkeypatch: pytest.MonkeyPatch, steps: list[object]
) -> None:
    monkeypatch.setattr(module, "stop_supervisor", lambda _: steps.append("supervisor"))
    runs()
    for cluster in (FOUND, FOUND, BotCluster(address="a:1")):
        cluster.end(steps.append)
    assert steps == ["ending Ray …", "supervisor", LOCAL.address]
    assert (FILES.load(), FILES.load_config()) == (None, {})


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), min_size=1, unique=True))
def test_of_supervisors_that_start_at_once_exactly_one_stays(born: list[tuple[int, int]]) -> None:
    every = [ProcessRef(pid=pid, started=started) for started, pid in born]
    stayed = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "living_processes", lambda _: every)
        for one in every:
            with suppress(EnvironmentProblem):
                require_only_one(FILES, one)
                stayed.append(one)
    assert len(stayed) == 1


def test_a_bot_from_another_home_or_with_another_token_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {FILES.name: [THIS], OTHER.name: []}
    monkeypatch.setattr(module, "living_processes", found.__getitem__)
    require_only_one(OTHER)
    with pytest.raises(EnvironmentProblem, match=f"already .process {THIS.pid}., .*another home"):
        require_only_one(FILES)
    require_only_one(FILES, THIS)
    runs(OTHER)
    require_one_token(FILES, "lobster")
    with pytest.raises(EnvironmentProblem, match="crabby plays on this machine already"):
        require_one_token(FILES, CONFIG["bot"])
    runs(OTHER, DEAD)
    require_one_token(FILES, CONFIG["bot"])


def test_a_local_cluster_has_a_slot_for_each_game_and_standby() -> None:
    settings = Settings.model_validate(
        {"challenges": {"max_games": 4}, "cluster": {"standby": 2, "slot_cpus": 0.5}}
    )
    assert game_cpus(settings) == 3
