"""Whether the machine of this process is short of memory, and which process holds the most."""

from contextlib import suppress
from typing import Final

import psutil
from ray._common.utils import get_system_memory
from ray._private.utils import get_used_memory

FULL: Final = 0.95
"""The share of memory in use at which Ray's memory monitor kills workers by default."""
GB: Final = 1e9


def describe_shortage(node: str) -> str:
    """One sentence for people; empty while there is enough memory.

    Takes about 50 ms on a machine that is short. A container counts as a machine.

    Args:
        node: the id of this Ray node.
    """
    total, used = get_system_memory(), get_used_memory()  # type: ignore[no-untyped-call]
    if used < FULL * total:
        return ""
    return (
        f"node {node[:6]} is short of memory: {used / total:.0%} of {total / GB:.1f} GB are in use"
        f"{_largest()}: free some, or set challenges.max_games lower"
    )


def _largest() -> str:
    sizes: dict[str, int] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            name = f"{process.name()} (process {process.pid})"
            sizes[name] = process.memory_info().rss
    if not sizes:
        return ""
    name, size = max(sizes.items(), key=lambda item: item[1])
    return f", {size / GB:.1f} GB of them by {name}"
