"""A child that is sent on an errand: what it tells is heard, and it never outlives its errand."""

import subprocess
import sys
import time

import psutil
import pytest

from crabstick.terminal import observer as aside
from crabstick.terminal.observer import ObserverTask, send

pytestmark = pytest.mark.e2e


def child(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(aside, "_command", lambda *_: [sys.executable, "-c", program])


@pytest.mark.parametrize(("status", "is_done"), [(0, True), (1, False)])
def test_what_the_child_tells_is_heard_and_its_status_is_the_outcome(
    monkeypatch: pytest.MonkeyPatch, status: int, *, is_done: bool
) -> None:
    child(monkeypatch, f"print('{{\"a\": 1}}'); print('[2]'); raise SystemExit({status})")
    heard: list[object] = []
    outcome = send(ObserverTask.SHOW, "a:1", "ns", is_lost=lambda: False, hear=heard.append)
    assert outcome == is_done
    assert heard == [{"a": 1}, [2]]


def test_a_child_that_hangs_is_ended_when_the_head_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    child(
        monkeypatch,
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print(os.getpid(), flush=True); time.sleep(600)",
    )
    heard: list[int] = []
    assert not send(ObserverTask.SHOW, "a:1", "ns", is_lost=lambda: bool(heard), hear=heard.append)
    assert not psutil.pid_exists(heard[0])


def test_a_child_ends_when_its_parent_is_killed() -> None:
    program = (
        "from crabstick.terminal import observer as aside; import os, sys; "
        "aside._command = lambda *_: [sys.executable, '-c', 'from crabstick.commands.sandbox "
        "import end_with_stdin; end_with_stdin(); import os, time; print(os.getpid(), flush=True); "
        "time.sleep(600)']; "
        "aside.send(aside.ObserverTask.SHOW, 'a:1', 'ns', is_lost=lambda: False, "
        "hear=lambda pid: print(pid, flush=True))"
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
