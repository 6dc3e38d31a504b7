"""`crabstick check`: whether settings, token, account and engine are fit to play."""

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from typing import Final

from pydantic import SecretStr

from actors.local_ray.ports import LOOPBACK, PortTaken, require_free
from actors.ops.address import VARIABLE
from crabstick.commands.report import report
from crabstick.errors import (
    ConfigError,
    CrabstickError,
    EnvironmentProblem,
    Unauthorized,
    Unavailable,
)
from crabstick.lichess.account_client import open_lichess
from crabstick.rules.model import Account
from crabstick.settings import Settings
from crabstick.tokens import read_admin_token, read_token
from engine.errors import EngineError
from engine.process import check as check_engine

__all__ = ["check", "identify", "try_engine"]

SCOPE = "bot:play"
EVERYWHERE = "0.0.0.0"  # noqa: S104 -- the owner's choice, not ours
LIVEZ_PATIENCE_S = 3


def check(settings: Settings, say: Callable[[str], None]) -> None:
    """Looks at everything, says how it is, line by line, and raises the first problem at the end.

    Raises:
        ConfigError: a setting, the engine or a token is wrong.
        EnvironmentProblem: Lichess does not do what is needed, or nobody can listen at `http.host`.
    """
    say("settings: in order")
    report(_looked_at(settings), say)


def _looked_at(settings: Settings) -> Iterator[tuple[str, str | CrabstickError]]:
    for subject, look in _POINTS.items():
        try:
            yield subject, look(settings)
        except CrabstickError as error:
            yield subject, error


def _engine(settings: Settings) -> str:
    return f"{try_engine(settings)} plays"


def _shutdown(settings: Settings) -> str:
    guarded = read_admin_token(settings) is not None
    return "needs the admin token" if guarded else "closed, no admin token is set"


def _http(settings: Settings) -> str:
    if os.environ.get(VARIABLE):
        return f"comes up on the head of the cluster that {VARIABLE} names; not looked at"
    host, port = settings.http.host, settings.http.port
    try:
        require_free(host, port)
    except PortTaken:
        if not _is_served(LOOPBACK if host == EVERYWHERE else host, port):
            raise
        return f"a bot serves port {port} on {host} already"
    return f"port {port} on {host} is free"


def _is_served(host: str, port: int) -> bool:
    """Whether it is a crabstick that listens there."""
    connection = HTTPConnection(host, port, timeout=LIVEZ_PATIENCE_S)
    try:
        connection.request("GET", "/livez")
        answer: object = json.load(connection.getresponse())
    except (OSError, HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return answer == {"ok": True}


def _lichess(settings: Settings) -> str:
    return f"{settings.lichess.url} knows {identify(settings).name} as a bot with {SCOPE}"


_POINTS: Final[dict[str, Callable[[Settings], str]]] = {
    "engine": _engine,
    "HTTP": _http,
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
    no_bot = (
        f"{account.name} is not a BOT account: `crabstick upgrade-account` makes it one "
        "(for ever, and only while it has played no game)"
    )
    if SCOPE not in scopes:
        also = "" if account.is_bot else f"; besides, {no_bot}"
        raise ConfigError(
            f"the Lichess token of {account.name} lacks the scope {SCOPE}: make one at "
            f"{url}/account/oauth/token that has it{also}"
        )
    if not account.is_bot:
        raise EnvironmentProblem(no_bot)
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
