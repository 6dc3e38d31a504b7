"""Freed memory is returned to the system; `benchmarks/footprint.py` measures how much."""

import ctypes
import threading

import pytest

from actors.local_ray import trim_heap as heap


def test_the_c_library_trims_the_heap_where_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ctypes.CDLL(None).malloc_trim(0) in {0, 1}
    heap.trim_heap()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    heap.trim_heap()


def test_a_process_trims_its_heap_repeatedly(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    is_over = threading.Event()

    def sleep(_seconds: float) -> None:
        steps.append("sleep")
        if len(steps) == 5:
            is_over.set()
            threading.Event().wait()  # for ever: the thread is a daemon

    monkeypatch.setattr("actors.local_ray.trim_heap.time.sleep", sleep)
    monkeypatch.setattr(heap, "trim_heap", lambda: steps.append("trim"))
    heap.start_trimming()
    assert is_over.wait(5)
    assert steps == ["sleep", "trim", "sleep", "trim", "sleep"]
