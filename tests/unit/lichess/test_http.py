import pytest
from pydantic import SecretStr

from crabstick.lichess.http import describe, open_session
from crabstick.lichess.login import Login

LOGIN = Login(url="https://lichess.org", token=SecretStr("lip_secret"))


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"https_proxy": "http://proxy:3128"}, "http://proxy:3128"),
        ({"http_proxy": "http://proxy:3128"}, None),
        ({"https_proxy": "http://proxy:3128", "no_proxy": "lichess.org"}, None),
    ],
)
async def test_a_session_uses_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], proxy: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with open_session("https://lichess.org") as session:
        used = session._default_proxy
    assert (str(used) if used else None) == proxy


def test_a_timeout_is_told_as_one() -> None:
    assert describe(TimeoutError(), LOGIN) == "no answer in time"


def test_a_description_is_short_and_without_the_token() -> None:
    told = describe(ValueError("x" * 190 + "lip_secret"), LOGIN)
    assert "lip_se" not in told
    assert len(told) <= 200
