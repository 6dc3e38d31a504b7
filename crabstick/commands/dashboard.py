"""`crabstick dashboard`: where Ray's dashboard is, and the token that it asks for."""

import os
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings
from crabstick.terminal.find_cluster import find_cluster


def dashboard(settings: Settings, console: Console) -> None:
    """Prints the dashboard's address and its token.

    Raises:
        EnvironmentProblem: no bot runs on this machine, or its Ray has no dashboard.
    """
    cluster = find_cluster(settings, None)
    local = cluster.local if cluster else None
    if local is None:
        raise EnvironmentProblem("no bot of yours runs here on a Ray of its own")
    if not local.dashboard:
        raise EnvironmentProblem("the bot was started with --small, without Ray's dashboard")
    console.print(local.dashboard, soft_wrap=True)
    if token := _token():
        console.print(f"token: {token}", soft_wrap=True)


def _token() -> str:
    """Ray's token, as Ray finds it; empty without one."""
    given = os.environ.get("RAY_AUTH_TOKEN", "").strip()
    path = os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token"
    with suppress(OSError):
        return given or Path(path).read_text(encoding="ascii").strip()
    return given
