"""The logs of the bot's processes, read as they grow: the pids of actors, and their moves.

Ray names the file of a process by its pid. When there are many files, its log monitor moves those
of ended processes aside; all processes in another namespace seem to have ended.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from crabstick.telemetry import log_events
from tests.chaos.verdict import IntendedMove

FILE: Final = re.compile(r"worker-.*-(\d+)\.err")
PLACES: Final = ("session_2*/logs", "session_2*/logs/old")


class WorkerLogs:
    """The logs of all Ray workers of one cluster.

    Args:
        folder: where Ray keeps its sessions.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._offsets: dict[str, int] = {}
        self.pids: dict[str, int] = {}
        """The process of each actor that has posted a move."""
        self.intended: list[IntendedMove] = []
        self.events: list[dict[str, Any]] = []
        """Everything but the moves."""

    def read(self) -> None:
        """Reads the lines that are new since the last time."""
        for path in self._paths("*"):
            match = FILE.fullmatch(path.name)
            if match is not None:
                with suppress(FileNotFoundError):  # moved aside meanwhile: read the next time
                    for entry in self._news(path):
                        self._take(entry, int(match[1]))

    def path_of(self, pid: int) -> Path | None:
        """Where that process writes; None when it has no log."""
        return next(self._paths(f"*-{pid}"), None)

    def _paths(self, which: str) -> Iterator[Path]:
        for network in PLACES:
            yield from self.folder.glob(f"{network}/worker-{which}.err")

    def _news(self, path: Path) -> Iterator[dict[str, Any]]:
        offset = self._offsets.get(path.name, 0)
        if path.stat().st_size <= offset:
            return
        with path.open("rb") as file:
            file.seek(offset)
            block = file.read()
        whole = block[: block.rfind(b"\n") + 1]
        self._offsets[path.name] = offset + len(whole)
        for line in whole.decode("utf-8", "replace").splitlines():
            if line.startswith("{") and line.endswith("}"):
                yield json.loads(line)

    def _take(self, entry: dict[str, Any], pid: int) -> None:
        if entry.get("event") == log_events.MOVE_POSTING:
            self.pids[entry["actor"]] = pid  # the WorkerSet speaks of actors too, but posts nothing
            self.intended.append(intended_of(entry, pid))
        else:
            self.events.append({**entry, "pid": pid})


def intended_of(entry: dict[str, Any], pid: int) -> IntendedMove:
    """A move that an actor says it is about to post; a new Ray gives out the same names again."""
    return IntendedMove(
        game=entry["game_id"],
        ply=entry["ply"],
        uci=entry["move"],
        actor=f"{entry['actor']} ({pid})",
        at_ms=datetime.fromisoformat(entry["timestamp"]).timestamp() * 1000,
    )
