"""How an engine is started: its command line, folder, environment and memory limit.

The `nice` program sets the niceness, so no Python code runs between fork and exec. The engine stays
in our process group: when Ray kills an actor, it kills the actor's group, and would miss an engine
with a group of its own.
"""

import os
import re
import resource
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.errors import EngineNotExecutable, EngineNotFound
from engine.interface import EngineSpec

_SECRET = re.compile(r"TOKEN|PASSWORD|SECRET")
"""Variables that are none of an engine's business, such as the bot's Lichess token."""
_ELF = b"\x7fELF"
_MACHINE = slice(18, 20)
"""The position of `e_machine`. Source: System V ABI, ELF header."""
_COMPATIBLE_MACHINES = {b"\x3e\x00": b"\x03\x00", b"\xb7\x00": b"\x28\x00"}
"""x86-64 also runs x86 programs, AArch64 also ARM programs."""


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What to start: the words, the working directory, and the whole environment."""

    words: list[str]
    folder: str
    environment: dict[str, str]


def command_line(spec: EngineSpec) -> CommandLine:
    """The command line for `spec`, with the program's full path, and `nice` in front.

    Raises:
        EngineNotFound: no such file, neither by path nor in PATH, or no such folder.
        EngineNotExecutable: this machine cannot run the file, or we have no permission to.
    """
    if not spec.command:
        raise EngineNotFound("the engine command is empty: give a program and its arguments")
    program = _program_path(spec.command[0])
    folder = str(Path(program).parent) if spec.working_dir is None else spec.working_dir
    if not os.access(folder, os.X_OK) or not Path(folder).is_dir():
        raise EngineNotFound(f"engine.working_dir '{folder}' is not a folder that we may enter")
    nice = shutil.which("nice") if spec.niceness else None
    niced = [nice, "-n", str(spec.niceness)] if nice else []
    ours = {name: value for name, value in os.environ.items() if not _SECRET.search(name)}
    environment = {**ours, **spec.env}
    if paths := environment.get("PYTHONPATH"):  # must mean the same in another folder
        environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, paths.split(os.pathsep)))
    return CommandLine([*niced, program, *spec.command[1:]], folder, environment)


def _program_path(program: str) -> str:
    path = Path(os.path.expanduser(program))  # noqa: PTH111 -- Path.expanduser may raise
    found = shutil.which(str(path))
    if found:
        _check_binary(program, Path(found))
        return str(Path(found).absolute())
    if path.is_dir():
        raise EngineNotFound(f"the engine '{program}' is a directory: name the program inside it")
    if os.sep not in program or not path.exists():
        raise EngineNotFound(f"there is no engine '{program}': {_advice(str(path))}")
    raise EngineNotExecutable(f"the engine '{program}' is not executable: try 'chmod +x {program}'")


def _advice(path: str) -> str:
    """What to write instead; the path may have arguments behind it."""
    spaces = [at for at, char in enumerate(path) if char == " "]
    for at in reversed(spaces):
        if shutil.which(path[:at]):
            arguments = ", ".join(path[at:].split())
            return f"engine.path is {path[:at]}, and its arguments are engine.args: [{arguments}]"
    return "engine.path is the path of a program or a name in PATH"


def _check_binary(program: str, path: Path) -> None:
    """Rejects a file that is neither a binary for this machine nor a script with `#!`.

    `nice` would run such a file with a shell.
    """
    try:
        head = _head(path)
    except OSError:
        return  # unreadable files may still be executable
    is_script = head.startswith(b"#!")
    if is_script and head.partition(b"\n")[0].endswith(b"\r"):
        raise EngineNotExecutable(
            f"the engine '{program}' is a script with the line ends of Windows: mend it with"
            f" `sed -i 's/\\r$//' '{program}'`"
        )
    if sys.platform != "linux" or is_script or _is_for_this_machine(head):
        return
    raise EngineNotExecutable(
        f"the engine '{program}' is not a program that this machine can run: neither a binary"
        " for it nor a script that begins with '#!'"
    )


def _is_for_this_machine(head: bytes) -> bool:
    machine, ours = (elf[_MACHINE] for elf in (head, _head(Path("/proc/self/exe"))))
    return head.startswith(_ELF) and machine in (ours, _COMPATIBLE_MACHINES.get(ours))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(256)


def limit_memory(pid: int, limit_mb: int | None) -> None:
    """Limits the private memory of a process, in MiB; ignores a process that has ended."""
    if limit_mb is None or sys.platform != "linux":
        return
    limit = limit_mb * 1024 * 1024
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_DATA, (limit, limit))
