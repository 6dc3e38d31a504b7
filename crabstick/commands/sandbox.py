"""`crabstick sandbox`: a Lichess on this machine, for trying things out."""

import asyncio
import os
import secrets
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from crabstick.rules.model import Clock
from crabstick.sandbox.accounts import Accounts, default_accounts
from crabstick.sandbox.accounts_file import load_accounts
from crabstick.sandbox.options import Options
from crabstick.sandbox.serve import run
from crabstick.sandbox.sparring import Sparring, sparring_for
from crabstick.terminal.clocks import in_seconds

__all__ = ["ADMIN_VARIABLE", "Place", "end_with_stdin", "sandbox"]

ADMIN_VARIABLE = "CRABSTICK_SANDBOX_ADMIN_TOKEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where it is served; port 0 takes a free one."""

    host: str
    port: int


def sandbox(
    place: Place,
    *,
    accounts_file: Path | None,
    rate_limits: bool,
    opponents: tuple[int, Clock],
    console: Console,
) -> None:
    """Serves until Ctrl-C; so many opponents challenge the first bot with that clock.

    Raises:
        ConfigError: the accounts file is no good, or has too few opponents.
        EnvironmentProblem: the port cannot be had.
    """
    accounts = load_accounts(accounts_file) if accounts_file else default_accounts()
    count, clock = opponents
    sparring = sparring_for(accounts, count, (clock.initial, clock.increment)) if count else None
    given = os.environ.get(ADMIN_VARIABLE, "")
    admin_token = given or secrets.token_hex(16)
    partners: set[asyncio.Task[None]] = set()

    def on_ready(url: str) -> None:
        console.print(f"Lichess sandbox: {url}", soft_wrap=True)
        if accounts_file is None:
            _introduce(accounts, console)
        if not given:
            console.print(f"admin token (for {url}/sandbox/…): {admin_token}", soft_wrap=True)
        if sparring is not None:
            partners.add(_let_spar(sparring, url, console))

    options = Options(rate_limits=rate_limits, on_ready=on_ready)
    run(
        host=place.host,
        port=place.port,
        accounts=accounts,
        admin_token=admin_token,
        options=options,
    )


def end_with_stdin() -> None:
    """Ends this process when its standard input does: who started it is gone, perhaps killed."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="stdin", daemon=True).start()


def _introduce(accounts: Accounts, console: Console) -> None:
    """The default accounts are no secret."""
    for account in accounts:
        title = f"{account.title} " if account.title else ""
        console.print(f"  {title}{account.name}: token {', '.join(account.tokens)}")


def _let_spar(sparring: Sparring, url: str, console: Console) -> "asyncio.Task[None]":
    """On the loop of the server, which cancels it at its end."""
    names = ", ".join(player.name for player in sparring.specs)
    initial, increment = sparring.clock
    clock = in_seconds(Clock(initial=initial, increment=increment))
    console.print(f"{sparring.target} will be challenged by {names} ({clock})", soft_wrap=True)

    def tell(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    return asyncio.get_running_loop().create_task(sparring.run(url, tell))
