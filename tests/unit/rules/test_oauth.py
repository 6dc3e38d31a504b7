"""One login: the challenge belongs to the verifier, and only its own answer is taken."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.errors import EnvironmentProblem
from crabstick.rules.oauth import TokenRequest

HOME = "http://127.0.0.1:4000/"
REQUEST = TokenRequest(
    verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    state="of_this-one",
    redirect_uri=HOME,
    scopes=("bot:play", "tournament:write"),
)


def test_the_link_asks_lichess_for_a_code_and_reveals_no_verifier() -> None:
    link = urlsplit(REQUEST.link("https://lichess.org"))
    assert (link.scheme, link.netloc, link.path) == ("https", "lichess.org", "/oauth")
    assert parse_qs(link.query) == {
        "response_type": ["code"],
        "client_id": ["crabstick"],
        "redirect_uri": [HOME],
        "code_challenge_method": ["S256"],
        "code_challenge": ["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"],  # RFC 7636, appendix B
        "scope": ["bot:play tournament:write"],
        "state": [REQUEST.state],
    }


@pytest.mark.parametrize(
    "answer",
    [
        f"/?code=liu_a1&state={REQUEST.state}",
        f" {HOME}?code=liu_a1&state={REQUEST.state}\n",
        f"{HOME}?state={REQUEST.state}&code=liu_a1#",
        "liu_a1\n",
    ],
)
def test_the_address_or_the_code_in_it_becomes_the_form_for_the_token(answer: str) -> None:
    assert REQUEST.trade(answer) == {
        "grant_type": "authorization_code",
        "code": "liu_a1",
        "code_verifier": REQUEST.verifier,
        "redirect_uri": HOME,
        "client_id": "crabstick",
    }


@given(st.text())
def test_no_other_address_is_taken(state: str) -> None:
    answer = f"/?{urlencode({'code': 'liu_a1', 'state': state})}"
    if state != REQUEST.state:
        with pytest.raises(ValueError, match=r"^this is not the answer to the link"):
            REQUEST.trade(answer)


@pytest.mark.parametrize("answer", ["", "/favicon.ico", "/?code=liu_a1", "http://[::1", "a b"])
def test_what_is_no_answer_is_refused(answer: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        REQUEST.trade(answer)


def test_a_user_who_says_no_gets_lichess_own_words() -> None:
    query = {"error": "access_denied", "error_description": "user cancelled authorization"}
    answer = f"{HOME}?{urlencode({**query, 'state': REQUEST.state})}"
    with pytest.raises(EnvironmentProblem, match=r"gives no token: user cancelled authorization$"):
        REQUEST.trade(answer)
