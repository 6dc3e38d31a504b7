"""Runs one of Ray's programs with less memory: without unused modules, and with a trimmed heap.

Usage: `python -m actors.local_ray.low_memory_launcher [--stay NAME] [--nice N]
[--without MODULE,MODULE] [--add ARGUMENT] PROGRAM ...`. PROGRAM is a module or a file, and ARGUMENT
is added to its own ones. With `--stay` the process does not end with a PROGRAM that succeeds: it
becomes a shell of half a megabyte, which NAME tells from others in the list of processes. A masked
module looks to the program as if it were not installed, so the program must be able to run without
the module. A Ray process frees a tenth of its memory while it starts; without trimming, the C
library keeps most of that tenth.
"""

import ctypes
import os
import runpy
import sys
import time
from contextlib import suppress
from threading import Thread

UNUSED_COMMANDS = (
    "ray.dashboard.modules.job.cli",
    "ray.serve.scripts",
    "ray.util.state.state_cli",
)
"""Subcommands such as `ray job`, which Ray's command line imports at every start: 47 MB."""
STAYS = "stays-for"
"""What stands before NAME in the command line of a process that stays."""
SHELL = "/bin/sh"
WAIT = "while sleep 86400; do :; done"
TRIM_AFTER_S = 15
"""By then a process has imported what it needs."""
TRIM_EVERY_S = 600


def main() -> None:
    """Reads its own arguments and leaves the rest to the program."""
    del sys.argv[0]
    name = ""
    while sys.argv[0].startswith("--"):
        option, value, *sys.argv[:] = sys.argv
        match option:
            case "--stay":
                name = value
            case "--nice":
                os.nice(int(value))
            case "--without":
                mask_modules(value.split(","))
            case _:
                sys.argv.append(value)
    start_trimming()
    try:
        _run(sys.argv[0])
    except SystemExit as end:
        if end.code or not name:
            raise
        sys.stdout.flush()  # to a file Python writes late, and a process replaced writes no more
        sys.stderr.flush()
        os.execv(SHELL, [SHELL, "-c", WAIT, STAYS, name])  # noqa: S606 -- no words of others


def _run(program: str) -> None:
    if program.endswith(".py"):
        runpy.run_path(program, run_name="__main__")
    else:
        runpy.run_module(program, run_name="__main__", alter_sys=True)


def mask_modules(modules: list[str]) -> None:
    """Makes each later import of these modules fail with ImportError."""
    for module in modules:
        sys.modules[module] = None  # type: ignore[assignment]  # Python's documented way


def trim_heap() -> None:
    """Trims the heap once; takes a few ms the first time, and almost nothing later."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def start_trimming() -> None:
    """Starts a thread that trims the heap after the process has started, and at intervals."""
    Thread(target=_trim_repeatedly, name="trim-heap", daemon=True).start()


def _trim_repeatedly() -> None:
    time.sleep(TRIM_AFTER_S)
    while True:
        trim_heap()
        time.sleep(TRIM_EVERY_S)


if __name__ == "__main__":
    main()
