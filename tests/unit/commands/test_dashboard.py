"""`crabstick dashboard`: the address, and the token as Ray would find it."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from crabstick.commands.dashboard import dashboard
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings
from tests.unit.local_rays import LOCAL, runs, use_home


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Has Ray's token, and nothing else names one."""
    use_home(monkeypatch, tmp_path, [])
    monkeypatch.chdir(tmp_path)
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".ray" / "auth_token").write_text("at-home\n", encoding="ascii")
    (tmp_path / "elsewhere").write_text("elsewhere", encoding="ascii")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "token: at-home\n"),
        ({"RAY_AUTH_TOKEN_PATH": "elsewhere"}, "token: elsewhere\n"),
        ({"RAY_AUTH_TOKEN_PATH": "elsewhere", "RAY_AUTH_TOKEN": "given"}, "token: given\n"),
        ({"RAY_AUTH_TOKEN_PATH": "nowhere"}, ""),
    ],
)
def test_address_and_token_are_printed(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    runs(local=replace(LOCAL, dashboard="http://127.0.0.1:8265"))
    console = Console(record=True, width=20)
    dashboard(Settings(), console)
    assert console.export_text() == f"http://127.0.0.1:8265\n{said}"


def test_without_a_dashboard_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EnvironmentProblem, match="no bot of yours runs here"):
        dashboard(Settings(), Console())
    runs()
    with pytest.raises(EnvironmentProblem, match="started with --small"):
        dashboard(Settings(), Console())
    monkeypatch.setenv("RAY_ADDRESS", "a:1")
    with pytest.raises(EnvironmentProblem, match="no bot of yours runs here"):
        dashboard(Settings(), Console())
