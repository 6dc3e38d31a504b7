"""`crabstick sandbox`: a Lichess on this machine, for trying things out."""

import os
import secrets
from pathlib import Path

from rich.console import Console

from crabstick.sandbox.accounts import Accounts, default_accounts, load_accounts
from crabstick.sandbox.options import Options
from crabstick.sandbox.serve import run

__all__ = ["ADMIN_VARIABLE", "sandbox"]

ADMIN_VARIABLE = "CRABSTICK_SANDBOX_ADMIN_TOKEN"


def sandbox(
    *, host: str, port: int, accounts_file: Path | None, rate_limits: bool, console: Console
) -> None:
    """Serves until Ctrl-C.

    Raises:
        ConfigError: the accounts file is no good.
        EnvironmentProblem: the port cannot be had.
    """
    accounts = load_accounts(accounts_file) if accounts_file else default_accounts()
    given = os.environ.get(ADMIN_VARIABLE, "")
    admin_token = given or secrets.token_hex(16)

    def on_ready(url: str) -> None:
        console.print(f"Lichess sandbox: {url}", soft_wrap=True)
        if accounts_file is None:
            _introduce(accounts, console)
        if not given:
            console.print(f"admin token (for {url}/sandbox/…): {admin_token}", soft_wrap=True)

    options = Options(rate_limits=rate_limits, on_ready=on_ready)
    run(host=host, port=port, accounts=accounts, admin_token=admin_token, options=options)


def _introduce(accounts: Accounts, console: Console) -> None:
    """The default accounts are no secret."""
    for account in accounts:
        title = f"{account.title} " if account.title else ""
        console.print(f"  {title}{account.name}: token {', '.join(account.tokens)}")
