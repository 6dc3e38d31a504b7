"""OAuth with PKCE: `GET /oauth` approves at once, and `POST /api/token` gives the token.

Lichess asks its user first, and refuses more. Source: lila, AuthorizationApi and Protocol.
"""

import base64
import hashlib
import secrets
from typing import Final
from urllib.parse import urlencode

from crabstick.sandbox.asgi import AnyReply, Call, Reply
from crabstick.sandbox.endpoint import Endpoint
from crabstick.sandbox.errors import ApiError
from crabstick.sandbox.sandbox import Sandbox
from crabstick.sandbox.vocabulary import KNOWN_SCOPES

CODE_LIFE_MS: Final = 120_000
TOKEN_LIFE_S: Final = 365 * 86_400
_NEEDED: Final = ("client_id", "redirect_uri", "code_challenge")


def _authorize(sandbox: Sandbox, call: Call) -> AnyReply:
    """Approves for the account that `username` names, else for the first one."""
    asked, accounts = call.query, sandbox.world.accounts
    fixed = (asked.get("response_type"), asked.get("code_challenge_method"))
    if fixed != ("code", "S256") or not all(asked.get(key) for key in _NEEDED):
        page = b"<h1>Bad authorization request</h1>\n"
        return Reply(status=400, body=page, content_type=b"text/html")
    account = accounts.get(asked.get("username", "")) or next(iter(accounts))
    code = f"liu_{secrets.token_hex(16)}"
    accounts.grants[code] = (account.id, asked, call.received_ms + CODE_LIFE_MS)
    answer = urlencode({"code": code, "state": asked.get("state", "")})
    target = f"{asked['redirect_uri'].partition('?')[0]}?{answer}"
    return Reply(status=303, body=b"", headers=((b"location", target.encode()),))


def _trade(sandbox: Sandbox, call: Call) -> AnyReply:
    """Trades a code for a token; a code is good for one try."""
    form, accounts = call.form, sandbox.world.accounts
    if form.get("grant_type") != "authorization_code":
        why = "supports only grant_type 'authorization_code'"
        raise ApiError(400, {"error": "unsupported_grant_type", "error_description": why})
    user_id, asked, expires_ms = accounts.grants.pop(form.get("code", ""), ("", {}, 0))
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    why, other = "", "authorization code was issued for a different"
    if not user_id:
        why = "authorization code invalid, expired or consumed"
    elif expires_ms < call.received_ms:
        why = "authorization code expired"
    elif form.get("redirect_uri") != asked["redirect_uri"]:
        why = f"{other} redirect_uri: {form.get('redirect_uri')}"
    elif form.get("client_id") != asked["client_id"]:
        why = f"{other} client_id: {form.get('client_id')}"
    elif base64.urlsafe_b64encode(digest).decode().rstrip("=") != asked["code_challenge"]:
        why = "hash of code_verifier does not match code_challenge"
    if why:
        raise ApiError(400, {"error": "invalid_grant", "error_description": why})
    token = f"lio_{secrets.token_hex(16)}"
    accounts.issue(token, user_id, KNOWN_SCOPES & set(asked.get("scope", "").split()))
    return Reply.of({"token_type": "Bearer", "access_token": token, "expires_in": TOKEN_LIFE_S})


ENDPOINTS = (
    Endpoint("oauth", "GET", "/oauth", _authorize, access="public"),
    Endpoint("token-trade", "POST", "/api/token", _trade, access="public"),
)
