"""Memory that is given back; how much it is, `benchmarks/footprint.py` measures."""

import ctypes
import threading

import pytest

from actors.local_ray import trim_heap as heap


def test_the_c_library_is_told_to_give_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Library:
        def __init__(self, name: str | None) -> None:
            assert name is None

        def malloc_trim(self, pad: int) -> int:
            asked.append(pad)
            return 1

    monkeypatch.setattr(ctypes, "CDLL", Library)
    heap.trim_heap()
    assert asked == [0]


def test_where_the_c_library_knows_no_such_thing_nothing_happens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    heap.trim_heap()


def test_ours_knows_it() -> None:
    assert ctypes.CDLL(None).malloc_trim(0) in {0, 1}


def test_it_is_done_when_the_process_has_started_and_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story: list[str] = []
    is_over = threading.Event()

    def sleep(seconds: float) -> None:
        story.append(f"{seconds} s")
        if len(story) == 5:
            is_over.set()
            threading.Event().wait()  # for ever: the thread is a daemon

    monkeypatch.setattr("actors.local_ray.trim_heap.time.sleep", sleep)
    monkeypatch.setattr(heap, "trim_heap", lambda: story.append("give back"))
    heap.start_trimming()
    assert is_over.wait(5)
    assert story == ["15 s", "give back", "600 s", "give back", "600 s"]
