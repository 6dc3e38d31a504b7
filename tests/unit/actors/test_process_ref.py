"""What tells a process from a later one with its pid, in a /proc of the tests' own."""

from dataclasses import replace
from pathlib import Path

import pytest

from actors.local_ray import process_ref
from actors.local_ray.process_ref import ProcessRef

OURS = ProcessRef(pid=7, started=4711, boot="a-boot")


@pytest.fixture(autouse=True)
def proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Has one process, with the pid 7."""
    (tmp_path / "boot_id").write_text("a-boot\n", encoding="ascii")
    monkeypatch.setattr(process_ref, "_BOOT_ID", tmp_path / "boot_id")
    monkeypatch.setattr(process_ref, "Path", lambda path: tmp_path / path.removeprefix("/proc/"))
    (tmp_path / "7").mkdir()
    runs(tmp_path)
    return tmp_path


def runs(proc: Path, *, state: str = "S", ticks: int = 4711, name: str = "raylet") -> None:
    """Writes the state of the process as Linux does: the 22nd field is the start."""
    fields = " ".join([state, *["0"] * 18, str(ticks), "99"])
    (proc / "7" / "stat").write_text(f"7 ({name}) {fields}\n", encoding="utf-8")


@pytest.mark.parametrize("name", ["raylet", "odd) Z (name", "ray::Größe"])
def test_a_process_is_found_again_whatever_its_name_and_however_the_clock_is_set(
    proc: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    runs(proc, name=name)
    for clock in ("time.time", "psutil.boot_time", "psutil.Process.create_time"):
        monkeypatch.setattr(clock, lambda *_: 0.0)
    assert ProcessRef.of(7) == OURS
    assert OURS.is_alive


def test_a_later_process_with_the_same_pid_or_after_a_reboot_is_another(proc: Path) -> None:
    assert not replace(OURS, boot="an-earlier-boot").is_alive
    runs(proc, ticks=4712)
    assert not OURS.is_alive
    assert ProcessRef.of(7) != OURS


@pytest.mark.parametrize(("pid", "state"), [(7, "Z"), (7, "X"), (8, "S")])
def test_a_process_that_has_ended_is_none(proc: Path, pid: int, state: str) -> None:
    runs(proc, state=state)
    assert not replace(OURS, pid=pid).is_alive
    with pytest.raises(ProcessLookupError, match=f"the pid {pid}"):
        ProcessRef.of(pid)
