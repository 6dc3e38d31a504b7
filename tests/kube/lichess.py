"""A Lichess that Pods can reach, in a thread of the test's own process, and who is there."""

import secrets
from contextlib import AbstractContextManager
from typing import Final, Literal

from crabstick.sandbox.accounts import BOT_SCOPES, Accounts, SandboxAccount
from crabstick.sandbox.options import Options
from crabstick.sandbox.testing import RunningSandbox, running

BOT: Final = "crabstick"
BOTS: Final = tuple(f"paced{number}" for number in range(1, 9))
HUMANS: Final = tuple(f"human{number}" for number in range(1, 65))


def lichess(host: str) -> AbstractContextManager[RunningSandbox]:
    """Serves on a free port of that address, without request limits."""
    accounts = Accounts([*_accounts((BOT, *BOTS), "BOT"), *_accounts(HUMANS, None)])
    return running(accounts, Options(rate_limits=False), host=host)


def _accounts(names: tuple[str, ...], title: Literal["BOT"] | None) -> list[SandboxAccount]:
    return [
        SandboxAccount(
            name=name, title=title, tokens={f"{name}_{secrets.token_hex(8)}": BOT_SCOPES}
        )
        for name in names
    ]
