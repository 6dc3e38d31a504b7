"""Runs a program of Ray's without what it would import for nothing, as long as it lives.

Usage: `python -m actors.local_ray.ray_command [--without MODULE,MODULE] PROGRAM ARGUMENTS ...`,
where the program is a module or a file. Name only modules that the program can do without: to the
program they are not installed.
"""

import runpy
import sys

from actors.local_ray.trim_heap import start_trimming

__all__ = ["UNUSED_COMMANDS", "main"]

UNUSED_COMMANDS = (
    "ray.dashboard.modules.job.cli",
    "ray.serve.scripts",
    "ray.util.state.state_cli",
)
"""What Ray's command line brings along for `ray job` and the like: 47 MB."""


def main() -> None:
    """Reads its own arguments and leaves the rest to the program."""
    del sys.argv[0]
    if sys.argv[0] == "--without":
        mask_modules(sys.argv[1].split(","))
        del sys.argv[:2]
    start_trimming()
    run = runpy.run_path if sys.argv[0].endswith(".py") else _run_module
    run(sys.argv[0], run_name="__main__")


def mask_modules(modules: list[str]) -> None:
    """Whoever imports one of them is told that there is none."""
    for module in modules:
        sys.modules[module] = None  # type: ignore[assignment]  # Python's own word for it


def _run_module(name: str, run_name: str) -> object:
    return runpy.run_module(name, run_name=run_name, alter_sys=True)


if __name__ == "__main__":
    main()
