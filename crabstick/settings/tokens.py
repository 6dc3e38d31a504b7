"""Where the two tokens come from: the environment, a file, or a login; never the settings.

Every token that is read here is hidden from the logs at once.
"""

import os
import re
from contextlib import suppress
from pathlib import Path

from pydantic import SecretStr

from crabstick.environment import home_folder
from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.read_text import read_text
from crabstick.settings.model import Settings
from crabstick.telemetry.redaction import hide

TOKEN_VARIABLE = "LICHESS_BOT_TOKEN"  # noqa: S105 - a variable's name
ADMIN_VARIABLE = "CRABSTICK_ADMIN_TOKEN"
_LARGEST_TOKEN = 4096
_LICHESS = (re.compile(r"[A-Za-z0-9_]+"), "letters, digits and _")
_BEARER = (re.compile(r"[A-Za-z0-9._~+/=-]+"), "letters, digits and . _ ~ + / = -")
"""Source: RFC 6750, `b64token`."""


def read_token(settings: Settings) -> SecretStr:
    """The Lichess token: LICHESS_BOT_TOKEN, else lichess.token_file, else that of a login.

    Raises:
        ConfigError: there is none, or the text cannot be a token.
    """
    token = given_token(settings)
    if token is None:
        raise ConfigError(
            f"there is no Lichess token: run `crabstick login`, or set {TOKEN_VARIABLE} in the "
            "environment, or write the token to a file and name it in lichess.token_file"
        )
    return token


def given_token(settings: Settings) -> SecretStr | None:
    """The Lichess token as `read_token` reads it; None when no place gives one."""
    file = settings.lichess.token_file
    return _read(TOKEN_VARIABLE, file, "lichess.token_file", _LICHESS) or login_token()


def login_token() -> SecretStr | None:
    """The token that `crabstick login` keeps on this machine; None without one."""
    with suppress(OSError, EnvironmentProblem):  # no home, or a folder that we may not read
        if login_file().exists():
            return _read("", login_file(), "the file of `crabstick login`,", _LICHESS)
    return None


def login_file() -> Path:
    """Where `crabstick login` keeps the token. Source: XDG Base Directory Specification.

    Raises:
        EnvironmentProblem: there is no home folder.
    """
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return Path(base if base[:1] == "/" else home_folder() / ".config", "crabstick", "token")


def read_admin_token(settings: Settings) -> SecretStr | None:
    """The token for POST /shutdown: CRABSTICK_ADMIN_TOKEN, else http.admin_token_file, else None.

    Raises:
        ConfigError: the text cannot be a bearer token.
    """
    return _read(ADMIN_VARIABLE, settings.http.admin_token_file, "http.admin_token_file", _BEARER)


def _read(
    variable: str, file: Path | None, key: str, shape: tuple[re.Pattern[str], str]
) -> SecretStr | None:
    text, subject = os.environ.get(variable, "").strip(), variable
    if not text:
        if file is None:
            return None
        subject = f"{key} {file}"
        text = read_text(file, named_by=key, limit=_LARGEST_TOKEN).strip()
    pattern, letters = shape
    if not pattern.fullmatch(text):
        raise ConfigError(f"{subject} does not hold a token: a token has only {letters}")
    token = SecretStr(text)
    hide(token)
    return token
