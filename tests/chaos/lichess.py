"""The sandbox in its own process, which can be frozen, on an address of our choice."""

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from crabstick.errors import EnvironmentProblem
from crabstick.sandbox.accounts import default_accounts
from crabstick.sandbox.options import SANDBOX_ADMIN_VARIABLE
from crabstick.sandbox.testing import RunningSandbox

START_LIMIT_S: Final = 60
POLL_S: Final = 0.05
SCOPES: Final = "bot:play challenge:read challenge:write"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lichess(RunningSandbox):
    """A sandbox with its process, and the tokens of the players by name."""

    pid: int
    tokens: dict[str, str]

    def armed(self) -> list[dict[str, Any]]:
        """The armed faults that no call has met yet."""
        waiting: list[dict[str, Any]] = json.loads(self._call("GET", "/sandbox/faults"))
        return waiting


@contextmanager
def lichess(players: Sequence[str], host: str, port: int, folder: Path) -> Iterator[Lichess]:
    """Serves a Lichess without request limits, every player being a bot.

    Raises:
        EnvironmentProblem: it does not start.
    """
    tokens = {name: f"{name}_{secrets.token_hex(8)}" for name in players}
    accounts = [
        {"name": name, "title": "BOT", "rating": 1800, "tokens": {token: SCOPES}}
        for name, token in tokens.items()
    ]
    file = folder / "accounts.yaml"
    file.write_text(yaml.safe_dump({"accounts": accounts}), encoding="utf-8")
    admin_token, url = secrets.token_hex(8), f"http://{host}:{port}"
    child = subprocess.Popen(
        [
            *(sys.executable, "-m", "crabstick", "sandbox", "--no-rate-limits"),
            *("--until-stdin-ends", "--accounts", str(file)),
            *("--host", host, "--port", str(port)),
        ],
        env={**os.environ, SANDBOX_ADMIN_VARIABLE: admin_token},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_ready(child, url)
        yield Lichess(
            url=url,
            admin_token=admin_token,
            accounts=default_accounts(),
            pid=child.pid,
            tokens=tokens,
        )
    finally:
        child.kill()
        child.wait()


def _wait_ready(child: "subprocess.Popen[bytes]", url: str) -> None:
    until_s = time.monotonic() + START_LIMIT_S
    while child.poll() is None and time.monotonic() < until_s:
        try:
            urllib.request.urlopen(f"{url}/api/users/status?ids=x", timeout=1).close()  # noqa: S310
        except OSError:
            time.sleep(POLL_S)
        else:
            return
    raise EnvironmentProblem(f"the sandbox did not start at {url}")
