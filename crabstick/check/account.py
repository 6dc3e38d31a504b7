"""The Lichess account: the token belongs to a bot that may play."""

import asyncio
from collections.abc import Iterator
from typing import Final

from pydantic import SecretStr

from crabstick.check.finding import Finding
from crabstick.errors import ConfigError, EnvironmentProblem, Unauthorized, Unavailable
from crabstick.rules.model import Account
from crabstick.settings import Settings, read_token

__all__ = ["account", "identify"]

SCOPE: Final = "bot:play"


def account(settings: Settings) -> Iterator[Finding]:
    """Lichess knows the bot."""
    name = identify(settings).name
    yield Finding(f"{settings.lichess.url} knows {name} as a bot with {SCOPE}")


def identify(settings: Settings) -> Account:
    """The bot that the token belongs to.

    Raises:
        ConfigError: there is no token, Lichess does not know it, or it lacks `bot:play`.
        EnvironmentProblem: Lichess cannot be reached, or the account is not a BOT account.
    """
    return asyncio.run(_identify(settings.lichess.url, read_token(settings)))


async def _identify(url: str, token: SecretStr) -> Account:
    from crabstick.lichess.account_client import open_lichess  # noqa: PLC0415 -- takes a second

    lichess = open_lichess(url, token)
    try:
        scopes = await lichess.token_scopes()
        found = await lichess.account()
    except Unauthorized:
        raise ConfigError(
            f"{url} does not know the Lichess token: make one at {url}/account/oauth/token with "
            f"the scope {SCOPE}"
        ) from None
    except Unavailable as error:
        raise EnvironmentProblem(str(error)) from None
    finally:
        await lichess.close()
    no_bot = (
        f"{found.name} is not a BOT account: `crabstick upgrade-account` makes it one "
        "(for ever, and only while it has played no game)"
    )
    if SCOPE not in scopes:
        also = "" if found.is_bot else f"; besides, {no_bot}"
        raise ConfigError(
            f"the Lichess token of {found.name} lacks the scope {SCOPE}: make one at "
            f"{url}/account/oauth/token that has it{also}"
        )
    if not found.is_bot:
        raise EnvironmentProblem(no_bot)
    return found
