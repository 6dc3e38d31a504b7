"""Which files of ours run, as the benchmark counts them."""

import asyncio
import sys
import threading
from pathlib import Path
from typing import Any

from benchmarks.bot_settings import BOT
from benchmarks.file_trace import files_in_most, files_of, read_calls, record_calls
from benchmarks.files_per_move import ENGINE_ACTOR, files_passed
from crabstick.rules.scaling import headroom


class AnActor:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()


async def test_a_file_is_recorded_when_one_of_its_functions_runs(tmp_path: Path) -> None:
    path = tmp_path / "calls"
    record_calls(AnActor(), str(path))
    await asyncio.sleep(0)
    headroom(1, 0, 0)
    sys.setprofile(None)
    threading.setprofile(None)
    headroom(1, 0, 0)
    assert [file for _, file in read_calls(path)] == ["crabstick/rules/scaling.py"]


def test_the_files_of_a_move_are_those_of_most_moves() -> None:
    calls = [(1.0, "a.py"), (2.0, "b.py"), (11.0, "a.py"), (12.0, "c.py"), (21.0, "b.py")]
    assert files_in_most(calls, [(0, 9), (10, 19), (20, 29)]) == {"a.py", "b.py"}
    assert files_in_most(calls, []) == set()
    assert files_of(calls) == {"a.py", "b.py", "c.py"}


def test_a_move_begins_with_the_opponents_and_leaves_out_the_opening() -> None:
    def a_move(ply: int, received_ms: float, by: str = BOT) -> dict[str, Any]:
        return {"by": by, "ply": ply, "received_ms": received_ms, "overhead_ms": 10.0}

    game = {"moves": [a_move(2, 100), a_move(5, 4900, by="other"), a_move(6, 5000)]}
    calls = [(95.0, "first.py"), (4980.0, "idle.py"), (4995.0, "move.py"), (9000.0, "late.py")]
    counted = files_passed({"WorkerSet": [(1.0, "set.py")], ENGINE_ACTOR: calls}, game, {"idle.py"})
    assert counted.move == ["move.py"]
    assert counted.game == ["first.py", "idle.py", "late.py", "move.py", "set.py"]
