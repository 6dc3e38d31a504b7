"""The observer: its reports arrive, and the child outlives neither its task nor its parent."""

import subprocess
import sys
import time

import psutil
import pytest

from crabstick.terminal import observer_process
from crabstick.terminal.observer_process import ObserverTask, run_observer

pytestmark = pytest.mark.e2e


def child(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(observer_process, "_command", lambda *_: [sys.executable, "-c", program])


@pytest.mark.parametrize(("status", "is_done"), [(0, True), (1, False)])
def test_reports_arrive_and_the_status_of_the_child_is_the_outcome(
    monkeypatch: pytest.MonkeyPatch, status: int, *, is_done: bool
) -> None:
    child(monkeypatch, f"print('{{\"a\": 1}}'); print('[2]'); raise SystemExit({status})")
    reports: list[object] = []
    outcome = run_observer(
        ObserverTask.SHOW, "a:1", "ns", is_lost=lambda: False, on_report=reports.append
    )
    assert outcome == is_done
    assert reports == [{"a": 1}, [2]]


def test_a_child_that_hangs_is_ended_when_the_head_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    child(
        monkeypatch,
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print(os.getpid(), flush=True); time.sleep(600)",
    )
    reports: list[int] = []
    assert not run_observer(
        ObserverTask.SHOW, "a:1", "ns", is_lost=lambda: bool(reports), on_report=reports.append
    )
    assert not psutil.pid_exists(reports[0])


def test_a_child_ends_when_its_parent_is_killed() -> None:
    program = (
        "from crabstick.terminal import observer_process as observer; import sys; "
        "observer._command = lambda *_: [sys.executable, '-c', 'from crabstick.signals "
        "import end_with_stdin; end_with_stdin(); import os, time; print(os.getpid(), flush=True); "
        "time.sleep(600)']; "
        "observer.run_observer(observer.ObserverTask.SHOW, 'a:1', 'ns', is_lost=lambda: False, "
        "on_report=lambda pid: print(pid, flush=True))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        grandchild = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    until_s = time.monotonic() + 30
    while grandchild.is_running() and grandchild.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until_s
        time.sleep(0.1)
