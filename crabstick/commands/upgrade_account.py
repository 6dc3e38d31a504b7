"""`crabstick upgrade-account`: makes the token's account a BOT account, after a confirmation."""

import asyncio
from collections.abc import Callable

from rich.console import Console

from crabstick.errors import EnvironmentProblem, LichessError
from crabstick.lichess.account_client import open_lichess
from crabstick.settings import Settings, read_token


def upgrade_account(settings: Settings, confirm: Callable[[str], bool], console: Console) -> None:
    """Upgrades the account if `confirm` answers the question with yes.

    Raises:
        ConfigError: there is no token.
        EnvironmentProblem: Lichess refuses or cannot be reached.
    """
    try:
        asyncio.run(_upgrade(settings, confirm, console))
    except LichessError as error:
        raise EnvironmentProblem(f"Lichess did not upgrade the account: {error}") from None


async def _upgrade(settings: Settings, confirm: Callable[[str], bool], console: Console) -> None:
    lichess = open_lichess(settings.lichess.url, read_token(settings))
    try:
        account = await lichess.account()
        if account.is_bot:
            console.print(f"{account.name} is a bot account already")
        elif confirm(
            f"Make {account.name} a BOT account? It can never play as a human again, and Lichess "
            "allows it only while the account has played no game."
        ):
            await lichess.upgrade_account()
            console.print(f"{account.name} is a bot account now")
        else:
            console.print("nothing changed")
    finally:
        await lichess.close()
