"""Authorization: tokens, scopes, User-Agents."""

import pytest

from crabstick.sandbox.accounts import default_accounts
from crabstick.sandbox.endpoint import check_admin, check_scopes, find_bearer
from crabstick.sandbox.errors import ApiError

MINE = "crabstick_token"


def headers(token: str = MINE, agent: str = "bot/1") -> dict[bytes, bytes]:
    return {b"authorization": f"Bearer {token}".encode(), b"user-agent": agent.encode()}


@pytest.mark.parametrize(
    "agent",
    ["", "bot/1", "bot/1 user:crabstick", "bot/1 user: CrabStick game:x", "as:crabstick", "user:?"],
)
def test_a_token_identifies_its_user(agent: str) -> None:
    assert find_bearer(default_accounts(), headers(agent=agent)).user_id == "crabstick"


@pytest.mark.parametrize("agent", ["bot/1 user:sparring1", "as: visitor", "USER:crabstick2"])
def test_a_user_agent_that_names_another_user_is_unauthorized(agent: str) -> None:
    with pytest.raises(ApiError) as error:
        find_bearer(default_accounts(), headers(agent=agent))
    assert error.value.status == 401
    assert error.value.reason == "The user in the user-agent doesn't match the token bearer"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "Missing authorization header"),
        ({b"authorization": b"Basic abc"}, "Missing authorization header"),
        (headers("nobody"), "No such token"),
    ],
)
def test_an_unknown_token_is_unauthorized(given: dict[bytes, bytes], why: str) -> None:
    with pytest.raises(ApiError) as error:
        find_bearer(default_accounts(), given)
    assert (error.value.status, error.value.reason) == (401, why)


def test_any_one_of_the_scopes_is_enough() -> None:
    bearer = find_bearer(default_accounts(), headers("visitor_token"))
    check_scopes(bearer, ("bot:play", "challenge:read"))
    check_scopes(bearer, ())
    with pytest.raises(ApiError) as error:
        check_scopes(bearer, ("bot:play", "board:play"))
    assert error.value.status == 403
    assert error.value.reason == "Missing scope: bot:play || board:play"


@pytest.mark.parametrize(("given", "status"), [({}, 401), (headers("wrong"), 403)])
def test_only_the_admin_token_opens_the_admin_paths(given: dict[bytes, bytes], status: int) -> None:
    with pytest.raises(ApiError) as error:
        check_admin(given, "right")
    assert error.value.status == status
    check_admin(headers("right"), "right")
