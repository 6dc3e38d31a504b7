"""Child processes of a command: they tell in lines of JSON what they do, and end with a block."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import IO, Any

from actors.local_ray.ray_node import our_environment
from crabstick.signals import deferred_interrupt


@contextmanager
def child_process(
    command: Sequence[str], *, is_local: bool, stderr: IO[bytes] | int
) -> "Iterator[subprocess.Popen[str]]":
    """Starts a child, and kills it at the end of the block.

    `is_local` says whether the child connects to a Ray of our own.
    """
    with deferred_interrupt():
        child = subprocess.Popen(
            command,
            # Ray lets workers import from a driver's folder first, where the user has data
            cwd="/" if is_local else None,
            env=our_environment(is_local=is_local),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,  # Ctrl-C in our terminal must reach this process alone
        )
    try:
        yield child
    finally:
        with deferred_interrupt(), child:  # which closes its pipes and waits
            child.kill()


def end_child(child: "subprocess.Popen[Any]", limit: timedelta) -> None:
    """Ends a child by SIGTERM, or by SIGKILL after the limit."""
    child.terminate()
    try:
        child.wait(limit.total_seconds())
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
