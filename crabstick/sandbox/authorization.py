"""Authorization: bearer tokens, scopes, and the user named in the User-Agent.

Pure. Source: Lichess API, Authentication; the error texts are Lichess's own.
"""

import re
import secrets
from collections.abc import Mapping
from functools import lru_cache

from crabstick.sandbox.accounts import Accounts, Bearer
from crabstick.sandbox.errors import api_error, missing_scope, unknown_token

_USER_IN_AGENT = re.compile(r"(?:user|as):\s?([A-Za-z0-9_-]{2,30})", re.IGNORECASE)
_BEARER = b"bearer "


def find_bearer(accounts: Accounts, headers: Mapping[bytes, bytes]) -> Bearer:
    """Finds the bearer of a request's token.

    Raises:
        ApiError: 401, for an unknown token, or another user's name in the User-Agent.
    """
    bearer = accounts.bearer(_token(headers))
    if bearer is None:
        raise unknown_token()
    if not _user_agent_matches(headers.get(b"user-agent", b""), bearer.user_id):
        raise api_error("The user in the user-agent doesn't match the token bearer", 401)
    return bearer


def check_scopes(bearer: Bearer, scopes: tuple[str, ...]) -> None:
    """Requires one of the scopes; with no scopes any token passes.

    Raises:
        ApiError: 403, with the scopes.
    """
    if scopes and bearer.scopes.isdisjoint(scopes):
        raise missing_scope(scopes)


def check_admin(headers: Mapping[bytes, bytes], admin_token: str) -> None:
    """Requires the admin token of the sandbox.

    Raises:
        ApiError: 401 without a token, 403 with another.
    """
    token = _token(headers)
    if not secrets.compare_digest(token.encode(), admin_token.encode()):
        raise api_error("This is not the admin token of the sandbox", 403)


def _token(headers: Mapping[bytes, bytes]) -> str:
    value = headers.get(b"authorization", b"")
    if value[: len(_BEARER)].lower() != _BEARER:
        raise api_error("Missing authorization header", 401)
    return value[len(_BEARER) :].strip().decode("latin-1")


@lru_cache(maxsize=1024)
def _user_agent_matches(user_agent: bytes, user_id: str) -> bool:
    match = _USER_IN_AGENT.search(user_agent.decode("latin-1"))
    return match is None or match[1].lower() == user_id
