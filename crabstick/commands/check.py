"""`crabstick check`: whether settings, token, account and engine are fit to play."""

import asyncio
from collections.abc import Callable
from typing import Final

from pydantic import SecretStr

from crabstick.errors import (
    ConfigError,
    CrabstickError,
    EnvironmentProblem,
    Unauthorized,
    Unavailable,
)
from crabstick.lichess.client import open_lichess
from crabstick.rules.model import Account
from crabstick.settings import Settings
from crabstick.tokens import read_admin_token, read_token
from engine.errors import EngineError
from engine.process import check as check_engine

__all__ = ["check", "identify", "try_engine"]

SCOPE = "bot:play"


def check(settings: Settings, say: Callable[[str], None]) -> None:
    """Looks at everything, says how it is, line by line, and raises the first problem at the end.

    Raises:
        ConfigError: a setting, the engine or a token is wrong.
        EnvironmentProblem: Lichess does not do what is needed.
    """
    say("settings: in order")
    problem: CrabstickError | None = None
    for subject, look in _POINTS.items():
        try:
            say(f"{subject}: {look(settings)}")
        except CrabstickError as error:
            if problem is None:
                problem = error
            else:
                say(f"{subject}: {error}")
    if problem is not None:
        raise problem


def _engine(settings: Settings) -> str:
    return f"{try_engine(settings)} plays"


def _shutdown(settings: Settings) -> str:
    guarded = read_admin_token(settings) is not None
    return "needs the admin token" if guarded else "closed, no admin token is set"


def _lichess(settings: Settings) -> str:
    return f"{settings.lichess.url} knows {identify(settings).name} as a bot with {SCOPE}"


_POINTS: Final[dict[str, Callable[[Settings], str]]] = {
    "engine": _engine,
    "POST /shutdown": _shutdown,
    "Lichess": _lichess,
}
"""What is on this machine comes first: the network may be slow."""


def identify(settings: Settings) -> Account:
    """The bot that the token belongs to.

    Raises:
        ConfigError: there is no token, Lichess does not know it, or it lacks `bot:play`.
        EnvironmentProblem: Lichess cannot be reached, or the account is no bot.
    """
    return asyncio.run(_identify(settings, read_token(settings)))


async def _identify(settings: Settings, token: SecretStr) -> Account:
    url = settings.lichess.url
    lichess = open_lichess(url, token)
    try:
        scopes = await lichess.token_scopes()
        account = await lichess.account()
    except Unauthorized:
        raise ConfigError(
            f"{url} does not know the Lichess token: make one at {url}/account/oauth/token with "
            f"the scope {SCOPE}"
        ) from None
    except Unavailable as error:
        raise EnvironmentProblem(str(error)) from None
    finally:
        await lichess.close()
    if SCOPE not in scopes:
        raise ConfigError(
            f"the Lichess token of {account.name} lacks the scope {SCOPE}: make one at "
            f"{url}/account/oauth/token that has it"
        )
    if not account.is_bot:
        raise EnvironmentProblem(
            f"{account.name} is not a BOT account: `crabstick upgrade-account` makes it one "
            "(for ever, and only while it has played no game)"
        )
    return account


def try_engine(settings: Settings) -> str:
    """Starts the engine, lets it play one move, and returns its name.

    Raises:
        ConfigError: it cannot be started or does not play.
    """
    try:
        return asyncio.run(check_engine(settings.engine_spec()))
    except EngineError as error:
        raise ConfigError(str(error)) from None
