"""The observer: its reports arrive, and the child outlives neither its task nor its parent."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from crabstick.terminal.find_cluster import BotCluster
from crabstick.terminal.observer_process import ObserverTask, run_observer
from tests.e2e.commands import wait

pytestmark = pytest.mark.e2e

CLUSTER = BotCluster(address="a:1")


def child(folder: Path, program: str) -> str:
    """An interpreter that runs this program, whatever it is told to run."""
    file = folder / "child"
    file.write_text(f"#!{sys.executable}\n{program}", encoding="utf-8")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize(("status", "is_done"), [(0, True), (1, False)])
def test_reports_arrive_and_the_status_of_the_child_is_the_outcome(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int, *, is_done: bool
) -> None:
    program = f"print('{{\"a\": 1}}'); print('[2]'); raise SystemExit({status})"
    monkeypatch.setattr(sys, "executable", child(tmp_path, program))
    reports: list[object] = []
    assert run_observer(ObserverTask.SHOW, CLUSTER, "ns", reports.append) == is_done
    assert reports == [{"a": 1}, [2]]


def test_a_child_that_hangs_is_ended_when_ray_is_lost(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print(os.getpid(), flush=True); time.sleep(600)"
    )
    monkeypatch.setattr(sys, "executable", child(tmp_path, program))
    reports: list[int] = []

    class LostAfterReport(BotCluster):
        is_lost = property(lambda _: bool(reports))

    cluster = LostAfterReport(address="a:1")
    assert not run_observer(ObserverTask.SHOW, cluster, "ns", reports.append)
    assert not psutil.pid_exists(reports[0])


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    own = (
        "from crabstick.signals import end_with_stdin; end_with_stdin(); "
        "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    )
    program = (
        f"import sys; sys.executable = {child(tmp_path, own)!r}; "
        "from crabstick.terminal.find_cluster import BotCluster; "
        "from crabstick.terminal.find_cluster import BotCluster; "
        "from crabstick.terminal.observer_process import ObserverTask, run_observer; "
        "run_observer(ObserverTask.SHOW, BotCluster(address='a:1'), 'ns', "
        "lambda pid: print(pid, flush=True))"
    )
    with (
        (tmp_path / "out").open("w") as out,
        subprocess.Popen([sys.executable, "-c", program], stdout=out) as parent,
    ):
        wait((tmp_path / "out").read_text, tmp_path)
        grandchild = psutil.Process(int((tmp_path / "out").read_text(encoding="utf-8")))
        parent.kill()
    wait(lambda: has_ended(grandchild), tmp_path)


def has_ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
