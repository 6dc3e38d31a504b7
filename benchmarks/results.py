"""What was measured, as a file that later runs can be compared with."""

import json
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["write_result"]

FOLDER = Path("bench-results")


def write_result(kind: str, **facts: object) -> Path:
    """Writes `bench-results/KIND-TIME.json` below the current folder; returns its path."""
    at = datetime.now(UTC).replace(microsecond=0)
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{kind}-{at:%Y%m%d-%H%M%S}.json"
    result = {"at": at.isoformat(), **facts}
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return path
