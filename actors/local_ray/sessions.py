"""The folders in which Ray keeps the logs of our local clusters: the last few stay."""

import json
import shutil
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final

from actors.local_ray.process_ref import ProcessRef

KEPT: Final = 5
"""How many folders of ended clusters stay, each of 3 to 10 MB."""
MARKER: Final = "crabstick.json"
"""Tells our folders from those of other programs; holds the `ray start` of the cluster."""


def open_session(folder: Path, owner: ProcessRef) -> None:
    """Marks the folder of a new cluster, and removes old ones of ours beside it."""
    (folder / MARKER).write_text(json.dumps(asdict(owner)), encoding="utf-8")
    ended = [marker.parent for marker in folder.parent.glob(f"*/{MARKER}") if _has_ended(marker)]
    for old in sorted(ended, key=lambda one: one.name)[:-KEPT]:  # the names begin with the time
        shutil.rmtree(old, ignore_errors=True)


def _has_ended(marker: Path) -> bool:
    with suppress(OSError, ValueError, TypeError):
        return not ProcessRef(**json.loads(marker.read_text(encoding="utf-8"))).is_alive
    return False
