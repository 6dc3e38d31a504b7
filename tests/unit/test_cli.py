"""The command line itself: errors in one line, with their exit status."""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from crabstick import cli
from crabstick.commands import upgrade_account

USAGE, INTERRUPTED = 2, 130

Ran = tuple[object, str, str]
Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the program in this process; returns exit status, stdout and stderr."""
    monkeypatch.setattr(cli, "listen_for_interrupts", lambda: None)
    monkeypatch.setattr(cli, "secure_streams", lambda: None)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def main(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["crabstick", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, *capsys.readouterr()

    return main


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["upp"], "no such command 'upp'. Did you mean 'up'? (see crabstick --help)"),
        (["up", "--foo"], "no such option: --foo (see crabstick up --help)"),
        (["drain"], "missing argument 'node' (see crabstick drain --help)"),
    ],
)
def test_a_wrong_command_line_is_explained_in_one_line(
    run: Run, arguments: list[str], line: str
) -> None:
    assert run(*arguments) == (USAGE, "", f"crabstick: {line}\n")


@pytest.mark.parametrize(
    "arguments", [["demo", "--games", "0"], ["sandbox", "--port", "x"], ["down", "--address"]]
)
def test_a_wrong_value_is_explained_with_its_option(run: Run, arguments: list[str]) -> None:
    status, _, errors = run(*arguments)
    assert (status, errors.count("\n")) == (USAGE, 1)
    assert errors.startswith("crabstick: ")
    assert arguments[1] in errors


@pytest.mark.parametrize("command", ["up", "status", "down", "drain"])
def test_a_wrong_address_is_reported_before_wrong_settings(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    arguments = [command, *(["x"] if command == "drain" else []), "--config", "nowhere.yaml"]
    status, _, errors = run(*arguments, "--address", "h:99999")
    assert status == USAGE
    assert errors.startswith("crabstick: --address is 'h:99999', ")
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:8265")
    status, _, errors = run(*arguments)
    assert status == USAGE
    assert errors.startswith("crabstick: RAY_ADDRESS is 'http://127.0.0.1:8265', ")


class Keyboard:
    """Ctrl-C or Ctrl-D at the question."""

    def __init__(self, pressed: type[BaseException]) -> None:
        self.pressed = pressed

    def readline(self, _size: int = -1) -> str:
        raise self.pressed


@pytest.mark.parametrize(
    ("pressed", "status", "errors"),
    [
        (KeyboardInterrupt, INTERRUPTED, ""),
        (EOFError, 1, "there was no answer, so nothing changed"),
    ],
)
def test_a_question_without_an_answer_changes_nothing(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    pressed: type[BaseException],
    status: int,
    errors: str,
) -> None:
    def ask(_settings: object, confirm: Callable[[str], bool], _console: object) -> None:
        confirm("Really?")

    monkeypatch.setattr(upgrade_account, "upgrade_account", ask)
    monkeypatch.setattr(sys, "stdin", Keyboard(pressed))
    ended, _, said = run("upgrade-account")
    assert (ended, errors in said) == (status, True)


def test_what_the_system_refuses_is_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a/file")

    monkeypatch.setattr(upgrade_account, "upgrade_account", fail)
    assert run("upgrade-account") == (1, "", "crabstick: No space left on device: a/file\n")


def test_the_help_names_commands_and_options(run: Run) -> None:
    status, shown, errors = run()
    assert (status, errors) == (USAGE, "")
    assert "upgrade-account" in shown
    assert "dashboard" in shown
    status, shown, errors = run("up", "--help")
    assert (status, errors) == (0, "")
    assert "--detach" in shown


def test_settings_of_another_program_are_imported_once(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yml").write_text("whitelist: [friend]", encoding="utf-8")
    status, said, errors = run("import-config", "config.yml")
    assert (status, errors) == (None, "")
    assert said.startswith("crabstick.yaml: ")
    assert "from config.yml of BotLi" in said
    status, _, errors = run("import-config", "config.yml")
    assert (status, errors.count("\n")) == (USAGE, 1)
    assert run("import-config", "config.yml", "--force")[0] is None
    assert run("import-config", "config.yml", "--output", "other.yaml")[0] is None
    assert Path("other.yaml").read_text("utf-8") == Path("crabstick.yaml").read_text("utf-8")
