"""Runs one of Ray's programs with modules masked that it would import for nothing.

Usage: `python -m actors.local_ray.ray_command [--without MODULE,MODULE] PROGRAM ARGUMENTS ...`.
PROGRAM is a module or a file. A masked module looks to the program as if it were not installed, so
the program must be able to run without the module.
"""

import runpy
import sys

from actors.local_ray.trim_heap import start_trimming

UNUSED_COMMANDS = (
    "ray.dashboard.modules.job.cli",
    "ray.serve.scripts",
    "ray.util.state.state_cli",
)
"""Subcommands such as `ray job`, which Ray's command line imports at every start: 47 MB."""


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
    """Makes each later import of these modules fail with ImportError."""
    for module in modules:
        sys.modules[module] = None  # type: ignore[assignment]  # Python's documented way


def _run_module(name: str, run_name: str) -> object:
    return runpy.run_module(name, run_name=run_name, alter_sys=True)


if __name__ == "__main__":
    main()
