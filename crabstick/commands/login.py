"""`crabstick login` gets the bot's token from Lichess by OAuth, and `logout` gives it back."""

import asyncio
import secrets
import select
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final, TypeVar

from pydantic import SecretStr
from rich.console import Console

from crabstick.check.local_checks import SCOPE
from crabstick.errors import EnvironmentProblem, Unauthorized
from crabstick.lichess.account_client import BerserkLichess, open_lichess
from crabstick.read_text import write_text
from crabstick.rules.oauth import TokenRequest
from crabstick.settings import Settings, given_token
from crabstick.settings.tokens import login_file, login_token
from crabstick.telemetry.redaction import hide

T = TypeVar("T")

PATIENCE: Final = timedelta(minutes=10)
BROWSER_PATIENCE_S: Final = 2
"""A browser may open a connection that it does not use."""
PAGE: Final = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nGo back to the terminal.\n"


def login(settings: Settings, console: Console, *, tournaments: bool) -> None:
    """Has the user allow the bot at Lichess, and keeps the token.

    Raises:
        EnvironmentProblem, LichessError: there is no token, or it cannot be kept.
    """
    url, file = settings.lichess.url, login_file()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        request = TokenRequest(
            verifier=secrets.token_urlsafe(64),
            state=secrets.token_urlsafe(16),
            redirect_uri=f"http://127.0.0.1:{listener.getsockname()[1]}/",
            scopes=(SCOPE, "tournament:write") if tournaments else (SCOPE,),
        )
        console.print("open this link in a browser where the bot's account is logged in:")
        console.print(request.link(url), soft_wrap=True)
        form = _wait_for_answer(listener, request, console)
    verifier = SecretStr(request.verifier)
    token = _ask(url, verifier, lambda lichess: lichess.trade_code(form))
    hide(token)
    write_text(file, f"{token.get_secret_value()}\n", mode=0o600)
    file.parent.chmod(0o700)
    console.print(f"the token is in {file}; Lichess ends it after a year", soft_wrap=True)
    if given_token(settings) != token:
        console.print("but LICHESS_BOT_TOKEN or lichess.token_file gives another, and comes first")
    account = _ask(url, token, BerserkLichess.account)
    advice = "" if account.is_bot else ", no BOT account yet: run `crabstick upgrade-account`"
    console.print(f"logged in as {account.name}{advice}")


def logout(settings: Settings, console: Console) -> None:
    """Revokes the token of `login` and deletes its file; if it raises LichessError, both stay."""
    token = login_token()
    if token is None:
        console.print(f"nobody is logged in: there is no {login_file()}", soft_wrap=True)
        return
    with suppress(Unauthorized):
        _ask(settings.lichess.url, token, BerserkLichess.revoke_token)
    login_file().unlink()
    console.print(f"logged out: {settings.lichess.url} does not know the token any more")


def _ask(url: str, secret: SecretStr, call: Callable[[BerserkLichess], Awaitable[T]]) -> T:
    async def ask() -> T:
        lichess = open_lichess(url, secret)
        try:
            return await call(lichess)
        finally:
            await lichess.close()

    return asyncio.run(ask())


def _wait_for_answer(
    listener: socket.socket, request: TokenRequest, console: Console
) -> dict[str, str]:
    """Waits for the browser to come back to this machine, or for a line of the terminal."""
    sources = [listener, *([sys.stdin] if sys.stdin.isatty() else [])]
    if sys.stdin in sources:
        console.print("if it is on another machine, paste here the address to which it goes then:")
    while ready := select.select(sources, [], [], PATIENCE.total_seconds())[0]:
        answer = _from_browser(listener) if listener in ready else sys.stdin.readline()
        try:
            return request.trade(answer)
        except ValueError as error:
            console.print(str(error))
    raise EnvironmentProblem("nobody has opened the link within ten minutes: run this again")


def _from_browser(listener: socket.socket) -> str:
    """Answers a browser; returns the path that it asks for, or nothing if it asks nothing."""
    connection, _ = listener.accept()
    connection.settimeout(BROWSER_PATIENCE_S)
    with connection, suppress(OSError, IndexError):
        target = connection.recv(8192).decode("latin-1").split(" /")[1].partition(" ")[0]
        connection.sendall(PAGE)
        return f"/{target}"
    return ""
