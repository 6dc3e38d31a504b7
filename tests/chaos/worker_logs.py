"""What the bot's processes log, read as it grows: which process is which actor, and what it meant.

Ray names the file of a process by its pid.
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from crabstick.telemetry import names
from tests.chaos.verdict import Meant

__all__ = ["WorkerLogs", "meant_of"]

FILE: Final = re.compile(r"worker-.*-(\d+)\.err")


class WorkerLogs:
    """The logs of all Ray workers of one cluster.

    Args:
        folder: where Ray keeps its sessions.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._offsets: dict[Path, int] = {}
        self.pids: dict[str, int] = {}
        """The process of each actor that has posted a move."""
        self.meant: list[Meant] = []
        self.events: list[dict[str, Any]] = []
        """Everything but the moves."""

    def read(self) -> None:
        """Takes in what was written since the last time."""
        for path in self.folder.glob("session_2*/logs/worker-*.err"):
            match = FILE.fullmatch(path.name)
            if match is not None:
                for entry in self._news(path):
                    self._take(entry, int(match[1]))

    def _news(self, path: Path) -> Iterator[dict[str, Any]]:
        offset = self._offsets.get(path, 0)
        if path.stat().st_size <= offset:
            return
        with path.open("rb") as file:
            file.seek(offset)
            block = file.read()
        whole = block[: block.rfind(b"\n") + 1]
        self._offsets[path] = offset + len(whole)
        for line in whole.decode("utf-8", "replace").splitlines():
            if line.startswith("{") and line.endswith("}"):
                yield json.loads(line)

    def _take(self, entry: dict[str, Any], pid: int) -> None:
        if entry.get("event") == names.MOVE_POSTING:
            self.pids[entry["actor"]] = pid  # the WorkerSet speaks of actors too, but posts nothing
            self.meant.append(meant_of(entry))
        else:
            self.events.append({**entry, "pid": pid})


def meant_of(entry: dict[str, Any]) -> Meant:
    """A move that an actor says it is about to post."""
    return Meant(
        game=entry["game_id"],
        ply=entry["ply"],
        uci=entry["move"],
        actor=entry["actor"],
        at_ms=datetime.fromisoformat(entry["timestamp"]).timestamp() * 1000,
    )
