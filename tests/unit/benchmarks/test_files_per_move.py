"""Which files of ours run, as the benchmark counts them."""

import asyncio
import sys
import threading
from pathlib import Path
from typing import Any

from benchmarks.bot_settings import BOT
from benchmarks.file_trace import Call, files_in_most, files_of, read_calls, record_calls
from benchmarks.files_per_move import ENGINE_ACTOR, files_passed
from crabstick.rules.scaling import headroom


class AnActor:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()


def some_calls(*calls: tuple[float, str]) -> list[Call]:
    return [Call(at_ms, file, "run") for at_ms, file in calls]


async def test_a_function_is_recorded_when_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "calls"
    record_calls(AnActor(), str(path))
    await asyncio.sleep(0)
    headroom(1, 0, 0)
    sys.setprofile(None)
    threading.setprofile(None)
    headroom(1, 0, 0)
    assert [call[1:] for call in read_calls(path)] == [("crabstick/rules/scaling.py", "headroom")]


def test_the_files_of_a_move_are_those_of_most_moves() -> None:
    calls = some_calls((1, "a.py"), (2, "b.py"), (11, "a.py"), (12, "c.py"), (21, "b.py"))
    assert files_in_most(calls, [(0, 9), (10, 19), (20, 29)]) == {"a.py", "b.py"}
    assert files_in_most(calls, []) == set()
    assert files_of(calls) == {"a.py", "b.py", "c.py"}


def test_a_move_begins_with_the_opponents_and_leaves_out_the_opening() -> None:
    def a_move(ply: int, received_ms: float, by: str = BOT) -> dict[str, Any]:
        return {"by": by, "ply": ply, "received_ms": received_ms, "overhead_ms": 10.0}

    game = {"moves": [a_move(2, 100), a_move(5, 4900, by="other"), a_move(6, 5000)]}
    calls = some_calls((95, "first.py"), (4980, "idle.py"), (4995, "move.py"), (9000, "late.py"))
    counted = files_passed({ENGINE_ACTOR: calls}, game, {ENGINE_ACTOR: {("idle.py", "run")}})
    assert counted.move == ["move.py"]
    assert counted.game == ["first.py", "late.py", "move.py"]
