"""A Lichess that Pods can reach, in a thread of the test's own process, and who is there."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from crabstick.sandbox.accounts import Accounts, SandboxAccount
from crabstick.sandbox.options import Options
from crabstick.sandbox.server import SandboxServer, create_app, listen, url_of
from crabstick.sandbox.testing import RunningSandbox

BOT: Final = "crabstick"
BOTS: Final = tuple(f"paced{number}" for number in range(1, 9))
HUMANS: Final = tuple(f"human{number}" for number in range(1, 65))
SCOPES: Final = frozenset({"bot:play", "challenge:read", "challenge:write"})


@contextmanager
def lichess(host: str) -> Iterator[RunningSandbox]:
    """Serves on a free port of that address, without request limits."""
    accounts = Accounts([*_accounts((BOT, *BOTS), "BOT"), *_accounts(HUMANS, None)])
    admin_token = secrets.token_hex(8)
    listener = listen(host, 0)
    options = Options(rate_limits=False, site=url_of(listener))
    app = create_app(accounts, admin_token=admin_token, options=options)
    server = SandboxServer(app, listener)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield RunningSandbox(url=url_of(listener), admin_token=admin_token, accounts=accounts)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def _accounts(names: tuple[str, ...], title: str | None) -> list[SandboxAccount]:
    return [
        SandboxAccount(name=name, title=title, tokens={f"{name}_{secrets.token_hex(8)}": SCOPES})
        for name in names
    ]
