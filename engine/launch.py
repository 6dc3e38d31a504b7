"""How a spec becomes a command line: the program is looked for before anything is started.

The engine runs niced by the `nice` program, so that no Python code runs between fork and exec.
It stays in our process group: Ray ends that group when it ends the actor.
"""

import os
import resource
import shutil
import sys
from pathlib import Path

from engine.errors import EngineNotExecutable, EngineNotFound
from engine.spec import EngineSpec

__all__ = ["bound_memory", "command_line"]


def command_line(spec: EngineSpec) -> list[str]:
    """The words to execute for `spec`, with the program's path found and `nice` in front.

    Raises:
        EngineNotFound: no such file, neither by path nor in PATH.
        EngineNotExecutable: the file is there but may not be executed.
    """
    if not spec.command:
        raise EngineNotFound("the engine command is empty: give a program and its arguments")
    command = [_program_path(spec.command[0]), *spec.command[1:]]
    nice = shutil.which("nice") if spec.niceness else None
    return [nice, "-n", str(spec.niceness), *command] if nice else command


def _program_path(program: str) -> str:
    path = Path(program).expanduser()
    found = shutil.which(str(path))
    if found:
        return found
    if path.is_dir():
        raise EngineNotFound(f"the engine '{program}' is a directory: name the program inside it")
    if os.sep not in program or not path.exists():
        raise EngineNotFound(
            f"there is no engine '{program}': give the path of a UCI engine or a name in PATH"
        )
    raise EngineNotExecutable(f"the engine '{program}' is not executable: try 'chmod +x {program}'")


def bound_memory(pid: int, limit_mb: int | None) -> None:
    """Bound the private memory of a process, in MiB; does nothing when it has ended already."""
    if limit_mb is None or sys.platform != "linux":
        return
    limit = limit_mb * 1024 * 1024
    try:
        resource.prlimit(pid, resource.RLIMIT_DATA, (limit, limit))
    except ProcessLookupError:
        return
