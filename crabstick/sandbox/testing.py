"""A running sandbox, and one for tests, in a background thread of this process."""

import contextlib
import http.client
import json
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from crabstick.errors import EnvironmentProblem
from crabstick.sandbox.accounts import Accounts, default_accounts
from crabstick.sandbox.errors import JsonObject
from crabstick.sandbox.options import Options
from crabstick.sandbox.server import SandboxServer, listen, url_of

_START_LIMIT = timedelta(seconds=10)
_CALL_LIMIT_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSandbox:
    """The address of a running sandbox, and some of its endpoints as (blocking) methods."""

    url: str
    admin_token: str
    accounts: Accounts

    def token(self, name: str) -> str:
        """A token of an account."""
        return self.accounts.token_of(name)

    def ledger(self, game_id: str | None = None) -> JsonObject:
        """Reads the ledger; with only one game if `game_id` is given."""
        query = "" if game_id is None else f"?game={game_id}"
        ledger: JsonObject = json.loads(self._call("GET", f"/sandbox/ledger{query}"))
        return ledger

    def games(self) -> list[JsonObject]:
        """Reads a summary of the running games."""
        games: list[JsonObject] = json.loads(self._call("GET", "/sandbox/games"))
        return games

    def pgn(self, game_id: str) -> str:
        """Exports a game."""
        return self._call("GET", f"/game/export/{game_id}")

    def arm(self, kind: str, **fields: str | float | bool) -> dict[str, int]:
        """Arms a fault; returns its number and how many streams it affected.

        Raises:
            EnvironmentProblem: the fault is invalid.
        """
        body = json.dumps({"kind": kind, **fields})
        armed: dict[str, int] = json.loads(self._call("POST", "/sandbox/faults", body))
        return armed

    def heal(self) -> None:
        """Removes all faults."""
        self._call("DELETE", "/sandbox/faults")

    def _call(self, method: str, path: str, body: str | None = None) -> str:
        """Sends a request without a proxy; raises OSError while there is no server."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=_CALL_LIMIT_S)
        with contextlib.closing(connection):
            connection.request(method, path, body, {"Authorization": f"Bearer {self.admin_token}"})
            response = connection.getresponse()
            answer = response.read().decode()
        if response.status >= http.client.BAD_REQUEST:
            raise EnvironmentProblem(f"the sandbox refused {method} {path}: {answer}")
        return answer


@contextlib.contextmanager
def running(
    accounts: Accounts | None = None,
    options: Options | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
) -> Iterator[RunningSandbox]:
    """Serves a sandbox on this machine until the block ends; port 0 is a free port."""
    accounts = accounts or default_accounts()
    admin_token = secrets.token_hex(8)
    listener = listen(host, port)
    server = SandboxServer(listener, accounts, admin_token, options or Options())
    thread = threading.Thread(target=server.run, name="sandbox", daemon=True)
    thread.start()
    try:
        yield RunningSandbox(url=url_of(listener), admin_token=admin_token, accounts=accounts)
    finally:
        server.should_exit = True
        thread.join(_START_LIMIT.total_seconds())
        listener.close()
