"""Who may call what: bearer tokens, scopes, and the User-Agent that must not lie.

Pure. Source: Lichess API, Authentication; the sentences are Lichess's own.
"""

import re
import secrets
from collections.abc import Mapping
from functools import lru_cache

from crabstick.sandbox.accounts import Accounts, Bearer
from crabstick.sandbox.errors import missing_scope, no_such_token, refused

__all__ = ["check_admin", "check_scopes", "find_bearer"]

_USER_IN_AGENT = re.compile(r"(?:user|as):\s?([A-Za-z0-9_-]{2,30})", re.IGNORECASE)
_BEARER = b"bearer "


def find_bearer(accounts: Accounts, headers: Mapping[bytes, bytes]) -> Bearer:
    """Tell whom a request speaks for.

    Raises:
        Refusal: 401, without a known token or with another user's name in the User-Agent.
    """
    bearer = accounts.bearer(_token(headers))
    if bearer is None:
        raise no_such_token()
    if not _agent_fits(headers.get(b"user-agent", b""), bearer.user_id):
        raise refused("The user in the user-agent doesn't match the token bearer", 401)
    return bearer


def check_scopes(bearer: Bearer, scopes: tuple[str, ...]) -> None:
    """Demand one of the scopes; an empty list lets every token pass.

    Raises:
        Refusal: 403, naming them.
    """
    if scopes and bearer.scopes.isdisjoint(scopes):
        raise missing_scope(scopes)


def check_admin(headers: Mapping[bytes, bytes], admin_token: str) -> None:
    """Demand the sandbox's own token.

    Raises:
        Refusal: 401 without a token, 403 with another.
    """
    token = _token(headers)
    if not secrets.compare_digest(token.encode(), admin_token.encode()):
        raise refused("This is not the admin token of the sandbox", 403)


def _token(headers: Mapping[bytes, bytes]) -> str:
    value = headers.get(b"authorization", b"")
    if value[: len(_BEARER)].lower() != _BEARER:
        raise refused("Missing authorization header", 401)
    return value[len(_BEARER) :].strip().decode("latin-1")


@lru_cache(maxsize=1024)
def _agent_fits(user_agent: bytes, user_id: str) -> bool:
    match = _USER_IN_AGENT.search(user_agent.decode("latin-1"))
    return match is None or match[1].lower() == user_id
