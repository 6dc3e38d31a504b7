"""The command line itself: what no command is asked to do, in one line and with a status."""

import sys
from collections.abc import Callable

import pytest

from crabstick import cli
from crabstick.commands import upgrade_account

USAGE, INTERRUPTED = 2, 130

Ran = tuple[object, str, str]
Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the program here; gives its exit status, and what it wrote to both streams."""
    monkeypatch.setattr(cli, "listen_for_interrupts", lambda: None)
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
        (["status", "now"], "got unexpected extra argument(s) (now) (see crabstick status --help)"),
        (["drain"], "missing argument 'node' (see crabstick drain --help)"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_plain_line(
    run: Run, arguments: list[str], line: str
) -> None:
    assert run(*arguments) == (USAGE, "", f"crabstick: {line}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["demo", "--games", "x"],
        ["demo", "--games", "0"],
        ["sandbox", "--port", "65536"],
        ["down", "--address"],
    ],
)
def test_a_wrong_value_is_told_with_its_option(run: Run, arguments: list[str]) -> None:
    status, _, told = run(*arguments)
    assert (status, told.count("\n")) == (USAGE, 1)
    assert told.startswith("crabstick: ")
    assert arguments[1] in told


@pytest.mark.parametrize("command", ["up", "status", "down", "drain"])
def test_an_address_that_is_none_comes_before_the_settings(run: Run, command: str) -> None:
    node = ["x"] if command == "drain" else []
    status, _, told = run(command, *node, "--address", "h:99999", "--config", "nowhere.yaml")
    assert status == USAGE
    assert told.startswith("crabstick: --address is 'h:99999', which is no address")


@pytest.mark.parametrize("command", ["up", "status", "down", "drain"])
def test_a_variable_that_is_no_address_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:8265")
    status, _, told = run(command, *(["x"] if command == "drain" else []))
    assert status == USAGE
    assert told.startswith("crabstick: RAY_ADDRESS is 'http://127.0.0.1:8265', ")


class Keyboard:
    """Somebody presses Ctrl-C, or Ctrl-D, at the question."""

    def __init__(self, pressed: type[BaseException]) -> None:
        self.pressed = pressed

    def readline(self, _size: int = -1) -> str:
        raise self.pressed


@pytest.mark.parametrize(
    ("pressed", "status", "told"),
    [
        (KeyboardInterrupt, INTERRUPTED, ""),
        (EOFError, 1, "there was no answer, so nothing changed"),
    ],
)
def test_a_question_may_be_left_open(
    run: Run, monkeypatch: pytest.MonkeyPatch, pressed: type[BaseException], status: int, told: str
) -> None:
    def ask(_settings: object, confirm: Callable[[str], bool], _console: object) -> None:
        confirm("Really?")

    monkeypatch.setattr(upgrade_account, "upgrade_account", ask)
    monkeypatch.setattr(sys, "stdin", Keyboard(pressed))
    ended, _, said = run("upgrade-account")
    assert (ended, told in said) == (status, True)


def test_without_a_command_the_help_is_shown(run: Run) -> None:
    status, shown, told = run()
    assert (status, told) == (USAGE, "")
    assert "upgrade-account" in shown


def test_the_help_of_a_command_names_its_options(run: Run) -> None:
    status, shown, told = run("up", "--help")
    assert (status, told) == (0, "")
    assert "--detach" in shown


def test_the_version_is_told(run: Run) -> None:
    assert run("version")[0] is None
