"""`check` on the command line: which of its three forms is meant, and which wishes fit no form."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crabstick import cli
from crabstick.commands import check
from crabstick.terminal import find_cluster

USAGE = 2
Run = Callable[..., tuple[object, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the program here; gives its exit status and what it wrote to standard error."""
    monkeypatch.setattr(cli, "listen_for_interrupts", lambda: None)
    monkeypatch.setattr(cli, "secure_streams", lambda: None)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def main(*arguments: str) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["crabstick", "check", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, capsys.readouterr().err

    return main


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Which command was called, and with what beside the settings."""
    calls: list[tuple[str, Any]] = []
    monkeypatch.setattr(check, "check", lambda *_: calls.append(("check", None)))
    monkeypatch.setattr(
        check,
        "check_manifests",
        lambda _settings, place, *, is_named, say: calls.append((place, (is_named, bool(say)))),
    )
    monkeypatch.setattr(
        check,
        "check_cluster",
        lambda _settings, address, _say: calls.append(("cluster", address)),
    )
    return calls


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        ([], ("check", None)),
        (["--cluster"], ("cluster", None)),
        (["--cluster", "--address", "h:1"], ("cluster", "h:1")),
        (["--cluster", "kuberay"], ("kuberay", (False, True))),
        (["--cluster", "-"], ("-", (False, True))),
        (["kuberay", "--cluster"], ("kuberay", (False, True))),
    ],
)
def test_each_form_calls_its_command(
    run: Run, asked: list[tuple[str, Any]], arguments: list[str], call: tuple[str, Any]
) -> None:
    assert run(*arguments) == (None, "")
    assert asked == [call]


def test_named_settings_are_distinguished_from_those_that_were_found(
    run: Run, asked: list[tuple[str, Any]], tmp_path: Path
) -> None:
    file = tmp_path / "bot.yaml"
    file.write_text("", encoding="utf-8")
    run("--cluster", "kuberay", "--config", str(file))
    assert asked == [("kuberay", (True, True))]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["kuberay"], "kuberay is for `crabstick check --cluster` only"),
        (["--address", "h:1"], "--address is for `crabstick check --cluster` only"),
        (["--cluster", "kuberay", "--address", "h:1"], "a manifest runs nowhere yet: leave out"),
        (["--cluster", "--address", "h"], "--address is 'h', which is no address"),
        (["--cluster", "a", "b"], "got unexpected extra argument"),
    ],
)
def test_a_wish_that_fits_no_form_is_refused_in_one_sentence(
    run: Run, asked: list[tuple[str, Any]], arguments: list[str], words: str
) -> None:
    status, error = run(*arguments)
    assert (status, error.count("\n")) == (USAGE, 1)
    assert words in error
    assert asked == []


def test_without_a_cluster_the_ways_to_name_one_are_said(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find_cluster, "find_cluster", lambda *_: None)
    monkeypatch.setattr(find_cluster, "files_of", lambda _: None)
    status, error = run("--cluster")
    assert status == 1
    assert "or name its cluster by --address or RAY_ADDRESS, or manifests by" in error
