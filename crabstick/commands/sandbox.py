"""`crabstick sandbox`: serves a Lichess on this machine, for trying a bot out."""

import asyncio
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from crabstick.rules.lichess_types import Clock
from crabstick.sandbox.accounts import Accounts, default_accounts, load_accounts
from crabstick.sandbox.options import SANDBOX_ADMIN_VARIABLE, Options
from crabstick.sandbox.server import SandboxServer, listen
from crabstick.sandbox.sparring import Sparring, sparring_for
from crabstick.terminal.arguments import in_seconds


def sandbox(
    address: tuple[str, int],
    *,
    accounts_file: Path | None,
    rate_limits: bool,
    opponents: tuple[int, Clock, Sequence[str]],
    console: Console,
) -> None:
    """Serves at host and port (0 takes a free one) until Ctrl-C.

    `opponents` says how many accounts challenge the first bot, with which clock and variants.

    Raises:
        ConfigError: the accounts file is wrong, or has too few opponents.
        EnvironmentProblem: the port is not free.
    """
    accounts = load_accounts(accounts_file) if accounts_file else default_accounts()
    count, clock, variants = opponents
    control = (clock.initial, clock.increment)
    sparring = sparring_for(accounts, count, control, variants) if count else None
    given = os.environ.get(SANDBOX_ADMIN_VARIABLE, "")
    admin_token = given or secrets.token_hex(16)
    partners: set[asyncio.Task[None]] = set()

    def print_line(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    def on_ready(url: str) -> None:
        console.print(f"Lichess sandbox: {url}", soft_wrap=True)
        if accounts_file is None:
            _print_accounts(accounts, console)
        if not given:
            console.print(f"admin token (for {url}/sandbox/…): {admin_token}", soft_wrap=True)
        if sparring is not None:
            partners.add(_start_sparring(sparring, clock, url, print_line))

    options = Options(
        rate_limits=rate_limits,
        on_ready=on_ready,
        on_unserved=lambda asked: print_line(f"the sandbox does not serve {asked}"),
    )
    with listen(*address) as listener:
        SandboxServer(listener, accounts, admin_token, options).run()


def _print_accounts(accounts: Accounts, console: Console) -> None:
    """Prints the tokens too: those of the default accounts are public."""
    for account in accounts:
        title = f"{account.title} " if account.title else ""
        console.print(f"  {title}{account.name}: token {', '.join(account.tokens)}")


def _start_sparring(
    sparring: Sparring, clock: Clock, url: str, report: Callable[[str], None]
) -> "asyncio.Task[None]":
    """Starts the opponents on the server's event loop, which cancels them at its end."""
    names = ", ".join(player.name for player in sparring.specs)
    what = f"{in_seconds(clock)}, {', '.join(sparring.variants)}"
    report(f"{sparring.target} will be challenged by {names} ({what})")
    return asyncio.get_running_loop().create_task(sparring.run(url, report))
