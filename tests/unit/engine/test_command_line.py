import os
from dataclasses import replace
from pathlib import Path

import pytest

from engine.command_line import command_line
from engine.errors import EngineNotExecutable, EngineNotFound
from engine.interface import EngineSpec

NO_SUCH_PID = 2**22 + 1
"""Linux gives no pid above 2**22."""


def a_program(directory: Path, name: str, *, mode: int = 0o755) -> Path:
    program = directory / name
    program.write_text("#!/bin/sh\n")
    program.chmod(mode)
    return program


def test_the_engine_is_started_through_nice(tmp_path: Path) -> None:
    program = a_program(tmp_path, "fish")
    words = command_line(EngineSpec(command=(str(program), "--quiet"), niceness=7)).words
    assert os.path.basename(words[0]) == "nice"  # noqa: PTH119 - a word, not a path of ours
    assert words[1:] == ["-n", "7", str(program), "--quiet"]


def test_without_nice_the_engine_still_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = a_program(tmp_path, "fish")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command_line(EngineSpec(command=("fish",))).words == [str(program)]


def test_a_tilde_is_the_user_s_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = a_program(tmp_path, "fish")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert command_line(EngineSpec(command=("~/fish",), niceness=0)).words == [str(program)]


def test_an_empty_command_is_rejected() -> None:
    with pytest.raises(EngineNotFound, match="the engine command is empty"):
        command_line(EngineSpec(command=()))


@pytest.mark.parametrize("program", ["no-such-fish", "/nowhere/fish", "~nobody.at.all/fish"])
def test_a_missing_program_is_named(program: str) -> None:
    with pytest.raises(EngineNotFound, match=f"there is no engine '{program}'"):
        command_line(EngineSpec(command=(program,)))


def test_a_directory_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(EngineNotFound, match="is a directory"):
        command_line(EngineSpec(command=(str(tmp_path),)))


def test_a_file_that_is_not_executable_gets_advice(tmp_path: Path) -> None:
    program = a_program(tmp_path, "fish", mode=0o644)
    with pytest.raises(EngineNotExecutable, match=f"try 'chmod \\+x {program}'"):
        command_line(EngineSpec(command=(str(program),)))


def an_elf(machine: int) -> bytes:
    """The beginning of a little-endian 64-bit program for `machine` (ELF's `e_machine`)."""
    return b"\x7fELF\x02\x01\x01".ljust(18, b"\0") + machine.to_bytes(2, "little") + b"\0" * 44


OURS = int.from_bytes(Path("/proc/self/exe").read_bytes()[18:20], "little")
S390 = 22


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x07" * 99,
        b"MZ\x90\0 for another system",
        b"echo uciok\n",
        an_elf(S390),
        b"\x7fELF",
    ],
    ids=["empty", "data", "windows", "no shebang", "another processor", "cut off"],
)
def test_a_binary_for_another_machine_is_rejected(tmp_path: Path, content: bytes) -> None:
    program = a_program(tmp_path, "fish")
    program.write_bytes(content)
    with pytest.raises(EngineNotExecutable, match="is not a program that this machine can run"):
        command_line(EngineSpec(command=(str(program),)))


def test_a_binary_for_this_machine_may_start(tmp_path: Path) -> None:
    program = a_program(tmp_path, "fish")
    program.write_bytes(an_elf(OURS))
    assert command_line(EngineSpec(command=(str(program),))).words[-1] == str(program)


def test_an_engine_starts_in_the_folder_of_its_program_unless_told_otherwise(
    tmp_path: Path,
) -> None:
    spec = EngineSpec(command=(str(a_program(tmp_path, "fish")),), env={"FISH": "1"})
    line = command_line(spec)
    assert (line.folder, line.environment["FISH"]) == (str(tmp_path), "1")
    assert line.environment["PATH"] == os.environ["PATH"]
    assert command_line(replace(spec, working_dir="/")).folder == "/"
    with pytest.raises(EngineNotFound, match=r"engine\.working_dir '/no/such' is not a folder"):
        command_line(replace(spec, working_dir="/no/such"))


def test_arguments_behind_the_path_are_told_where_to_go(tmp_path: Path) -> None:
    program = a_program(tmp_path, "my fish")
    with pytest.raises(EngineNotFound) as caught:
        command_line(EngineSpec(command=(f"{program} --weights x",)))
    assert f"engine.path is {program}, and its arguments are engine.args: [--weights, x]" in str(
        caught.value
    )


def test_a_script_with_the_line_ends_of_windows_is_named(tmp_path: Path) -> None:
    program = a_program(tmp_path, "fish")
    program.write_bytes(b"#!/bin/sh\r\nexec stockfish\r\n")
    with pytest.raises(EngineNotExecutable, match="line ends of Windows: mend it with `sed"):
        command_line(EngineSpec(command=(str(program),)))
