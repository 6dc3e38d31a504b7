"""The recipes of docs/small.md: systemd accepts the unit, and both name what exists."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from crabstick.cli import app
from crabstick.settings import load_settings

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "small.md"
PROGRAM = "/opt/crabstick/.venv/bin/crabstick"
NEEDED = ("User", "ExecStart", "KillMode", "TimeoutStopSec", "Restart", "OOMPolicy", "MemoryMax")


def block(kind: str, holding: str) -> str:
    """The block of code of that kind which holds a word."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.finditer(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (ours,) = [one[1] for one in found if holding in one[1]]
    return str(ours)


def unit() -> dict[str, list[str]]:
    """What the unit sets, each as often as it stands there."""
    lines = re.findall(r"^(\w+)=(.*)$", block("ini", "[Service]"), re.MULTILINE)
    return {name: [value for other, value in lines if other == name] for name, _ in lines}


def options(words: list[str]) -> set[str]:
    """The options of `crabstick up` that are given."""
    return {word for word in words if word.startswith("--")}


def known() -> set[str]:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return {option for parameter in group.commands["up"].params for option in parameter.opts}


def test_systemd_has_nothing_to_say_against_the_unit(tmp_path: Path) -> None:
    verifier = shutil.which("systemd-analyze")
    if verifier is None:
        pytest.skip("there is no systemd-analyze on this machine")
    text = block("ini", "[Service]")
    assert text.count(PROGRAM) == 1
    file = tmp_path / "crabstick.service"
    file.write_text(text.replace(PROGRAM, sys.executable), encoding="utf-8")
    done = subprocess.run(
        [verifier, "verify", "--man=no", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_starts_what_there_is() -> None:
    (start,) = unit()["ExecStart"]
    program, command, *rest = shlex.split(start)
    assert (program, command) == (PROGRAM, "up")
    assert "--small" in rest
    assert options(rest) <= known()


def test_the_unit_fits_how_up_ends() -> None:
    service = unit()
    assert [name for name in NEEDED if name not in service] == []
    assert service["KillMode"] == ["mixed"], "only `up` itself waits for the games"
    assert service["Restart"] == ["on-failure"], "a bot that was shut down stays so"
    assert service["RestartPreventExitStatus"] == ["2"], "a wrong wish stays wrong"
    assert service["OOMPolicy"] == ["continue"], "an actor that is killed is taken over"


def test_the_settings_in_the_unit_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [
        pair.partition("=")
        for line in unit()["Environment"]
        for pair in shlex.split(line)
        if pair.startswith("CRABSTICK__")
    ]
    assert names
    for name, _, value in names:
        monkeypatch.setenv(name, value.replace("%d", "/run/credentials/crabstick.service"))
    load_settings(None)
    credentials = {one.partition(":")[0] for one in unit()["LoadCredential"]}
    assert {Path(value).name for _, _, value in names if "%d" in value} <= credentials


def test_the_container_starts_what_there_is_and_holds_no_secret() -> None:
    lines = block("sh", "podman run").replace("\\\n", " ").splitlines()
    (line,) = [line for line in lines if line.startswith("podman run")]
    run = shlex.split(line)
    start = run.index("crabstick", run.index("registry.example/crabstick:0.1.0"))
    assert run[start + 1] == "up"
    assert "--small" in run[start:]
    assert options(run[start:]) <= known()
    assert {"--init", "--shm-size", "--stop-timeout", "--volume"} <= options(run[:start])
    assert not [word for word in run if "TOKEN=" in word]
