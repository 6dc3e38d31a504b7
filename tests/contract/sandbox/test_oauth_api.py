"""OAuth with PKCE over HTTP, as Lichess does it; the client is a browser and a bot at once."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest

from crabstick.sandbox.testing import RunningSandbox

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""Source of both: RFC 7636, appendix B."""
HOME = "http://127.0.0.1:4000/"
REQUEST = {
    "response_type": "code",
    "client_id": "a bot",
    "redirect_uri": HOME,
    "code_challenge_method": "S256",
    "code_challenge": CHALLENGE,
    "scope": "bot:play tournament:write",
    "state": "x=1&y",
}
TRADE = {
    "grant_type": "authorization_code",
    "code_verifier": VERIFIER,
    "client_id": "a bot",
    "redirect_uri": HOME,
}


async def approve(sandbox: RunningSandbox, **changed: str) -> dict[str, str]:
    """What a browser brings home after the question."""
    async with (
        aiohttp.ClientSession(sandbox.url) as session,
        session.get("/oauth", params={**REQUEST, **changed}, allow_redirects=False) as response,
    ):
        assert response.status == 303
        target = response.headers["Location"]
    assert target.startswith(f"{HOME}?")
    return dict(parse_qsl(urlsplit(target).query))


async def trade(sandbox: RunningSandbox, form: Mapping[str, str]) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession(sandbox.url) as session,
        session.post("/api/token", data=form) as response,
    ):
        return response.status, await response.json()


async def test_a_code_becomes_a_token_with_just_the_scopes_that_were_asked_for(
    sandbox: RunningSandbox,
) -> None:
    home = await approve(sandbox)
    assert home["state"] == REQUEST["state"]
    status, got = await trade(sandbox, {**TRADE, "code": home["code"]})
    assert (status, got["token_type"], got["expires_in"]) == (200, "Bearer", 31_536_000)
    bearer = sandbox.accounts.bearer(got["access_token"])
    assert bearer is not None
    assert (bearer.account.id, bearer.scope_text) == ("crabstick", "bot:play,tournament:write")


async def test_another_account_may_be_named(sandbox: RunningSandbox) -> None:
    home = await approve(sandbox, username="Sparring3")
    _, got = await trade(sandbox, {**TRADE, "code": home["code"]})
    bearer = sandbox.accounts.bearer(got["access_token"])
    assert bearer is not None
    assert bearer.account.id == "sparring3"


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": ""},
        {"client_id": ""},
        {"code_challenge": ""},
        {"code_challenge_method": "plain"},
        {"response_type": "token"},
    ],
)
async def test_a_wrong_request_gets_a_page(
    sandbox: RunningSandbox, changed: dict[str, str]
) -> None:
    async with (
        aiohttp.ClientSession(sandbox.url) as session,
        session.get("/oauth", params={**REQUEST, **changed}) as response,
    ):
        assert response.status == 400
        assert "Bad authorization request" in await response.text()


async def test_only_scopes_of_lichess_are_granted(sandbox: RunningSandbox) -> None:
    home = await approve(sandbox, scope="bot:play bot:win")
    _, got = await trade(sandbox, {**TRADE, "code": home["code"]})
    bearer = sandbox.accounts.bearer(got["access_token"])
    assert bearer is not None
    assert bearer.scope_text == "bot:play"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"code": "liu_nobodys"}, "authorization code invalid, expired or consumed"),
        ({"code_verifier": "x" * 43}, "hash of code_verifier does not match code_challenge"),
        ({"code_verifier": ""}, "hash of code_verifier does not match code_challenge"),
        (
            {"redirect_uri": f"{HOME}x"},
            f"authorization code was issued for a different redirect_uri: {HOME}x",
        ),
        ({"client_id": "other"}, "authorization code was issued for a different client_id: other"),
    ],
)
async def test_a_wrong_trade_is_refused_in_lichess_words(
    sandbox: RunningSandbox, changed: dict[str, str], why: str
) -> None:
    home = await approve(sandbox)
    answer = await trade(sandbox, {**TRADE, "code": home["code"], **changed})
    assert answer == (400, {"error": "invalid_grant", "error_description": why})


async def test_there_is_no_other_way_to_a_token(sandbox: RunningSandbox) -> None:
    status, got = await trade(sandbox, {**TRADE, "grant_type": "password"})
    assert (status, got["error"]) == (400, "unsupported_grant_type")


async def test_a_code_is_good_for_one_try_within_two_minutes(sandbox: RunningSandbox) -> None:
    tried = {**TRADE, "code": (await approve(sandbox))["code"]}
    assert (await trade(sandbox, {**tried, "code_verifier": "x" * 43}))[0] == 400
    _, got = await trade(sandbox, tried)
    assert got["error_description"] == "authorization code invalid, expired or consumed"
    late = {**TRADE, "code": (await approve(sandbox))["code"]}
    user_id, asked, expires_ms = sandbox.accounts.grants[late["code"]]
    sandbox.accounts.grants[late["code"]] = (user_id, asked, expires_ms - 120_001)
    _, got = await trade(sandbox, late)
    assert got["error_description"] == "authorization code expired"
