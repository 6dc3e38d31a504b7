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

_ELF = b"\x7fELF"
_MACHINE = slice(18, 20)
"""Source: System V ABI, ELF header: where `e_machine` stands."""
_RUNS_TOO = {b"\x3e\x00": b"\x03\x00", b"\xb7\x00": b"\x28\x00"}
"""x86-64 runs the programs of x86, AArch64 those of ARM."""


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
        _refuse_no_program(program, Path(found))
        return found
    if path.is_dir():
        raise EngineNotFound(f"the engine '{program}' is a directory: name the program inside it")
    if os.sep not in program or not path.exists():
        raise EngineNotFound(
            f"there is no engine '{program}': give the path of a UCI engine or a name in PATH"
        )
    raise EngineNotExecutable(f"the engine '{program}' is not executable: try 'chmod +x {program}'")


def _refuse_no_program(program: str, path: Path) -> None:
    """Before anything runs: `nice` would have a shell read whatever the kernel refuses."""
    try:
        head = _head(path)
    except OSError:
        return  # it may be run all the same
    is_script = head.startswith(b"#!")
    if sys.platform != "linux" or is_script or _is_for_this_machine(head):
        return
    raise EngineNotExecutable(
        f"the engine '{program}' is no program that this machine can run: neither a binary for it"
        " nor a script that begins with '#!'"
    )


def _is_for_this_machine(head: bytes) -> bool:
    machine, ours = (elf[_MACHINE] for elf in (head, _head(Path("/proc/self/exe"))))
    return head.startswith(_ELF) and machine in (ours, _RUNS_TOO.get(ours))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MACHINE.stop)


def bound_memory(pid: int, limit_mb: int | None) -> None:
    """Bound the private memory of a process, in MiB; does nothing when it has ended already."""
    if limit_mb is None or sys.platform != "linux":
        return
    limit = limit_mb * 1024 * 1024
    try:
        resource.prlimit(pid, resource.RLIMIT_DATA, (limit, limit))
    except ProcessLookupError:
        return
