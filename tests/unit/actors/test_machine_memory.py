"""The sentence on a machine that is short of memory."""

from types import SimpleNamespace

import psutil
import pytest

from actors import machine_memory
from actors.machine_memory import describe_shortage

NODE = "abcdef0123456789"


def memory(monkeypatch: pytest.MonkeyPatch, used: float) -> None:
    """This much of 2 GB is in use, half of it by one process."""

    def process(pid: int, name: str, share: float) -> SimpleNamespace:
        size = SimpleNamespace(rss=share * used)
        return SimpleNamespace(pid=pid, name=lambda: name, memory_info=lambda: size)

    def gone() -> str:
        raise psutil.NoSuchProcess(3)

    ended = SimpleNamespace(pid=3, name=gone)
    every = [process(1, "raylet", 0.1), process(812, "java", 0.5), ended]
    monkeypatch.setattr(psutil, "process_iter", lambda: every)
    monkeypatch.setattr(machine_memory, "get_system_memory", lambda: 2e9)
    monkeypatch.setattr(machine_memory, "get_used_memory", lambda: used)


def test_the_machine_its_memory_and_the_largest_process_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory(monkeypatch, 1.96e9)
    assert describe_shortage(NODE).startswith(
        "node abcdef is short of memory: 98% of 2.0 GB are in use, 1.0 GB of them by java "
        "(process 812): "
    )


def test_a_machine_with_memory_to_spare_is_not_mentioned(monkeypatch: pytest.MonkeyPatch) -> None:
    memory(monkeypatch, 1.8e9)
    assert describe_shortage(NODE) == ""
