"""The frame of a benchmark: it measures, shows a table, and writes a file to compare with later."""

import json
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

from benchmarks.process_usage import machine
from crabstick.errors import CrabstickError

FOLDER = Path("bench-results")
CTRL_C = 130

R = TypeVar("R")


def run_benchmark(
    kind: str,
    measure: Callable[[Console], R],
    table: Callable[[R], Table],
    options: Mapping[str, object] | None = None,
) -> int:
    """Measures, shows the table and writes the JSON file; returns the exit status.

    Args:
        kind: the name of the benchmark, and the beginning of the file's name.
        measure: prints what takes time, and returns rows: dataclasses, or groups of them by name.
        table: shows those rows.
        options: written to the file as well.
    """
    console = Console()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    facts = machine()
    try:
        rows = measure(console)
    except CrabstickError as error:
        console.print(f"bench: {error}", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return CTRL_C
    console.print(table(rows))
    more = {} if options is None else {"options": options}
    path = write_result(kind, machine=facts, **more, rows=_plain(rows))
    console.print(f"also in {path}", soft_wrap=True)
    return 0


def _plain(rows: Any) -> object:  # noqa: ANN401 -- dataclasses have no common type
    if isinstance(rows, Mapping):
        return {name: _plain(group) for name, group in rows.items()}
    if isinstance(rows, Sequence):
        return [asdict(row) for row in rows]
    return asdict(rows)


def write_result(kind: str, **facts: object) -> Path:
    """Writes `bench-results/KIND-TIME.json` below the current folder; returns its path."""
    at = datetime.now(UTC).replace(microsecond=0)
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{kind}-{at:%Y%m%d-%H%M%S}.json"
    result = {"at": at.isoformat(), **facts}
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return path
