"""A request for a token by OAuth with PKCE. Source: RFC 7636, and Lichess API, OAuth."""

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from crabstick.errors import EnvironmentProblem

CLIENT: Final = "crabstick"
"""Lichess wants no client to be registered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A request; `verifier` (43 to 128 letters) and `state` are new secrets for each one."""

    verifier: str
    state: str
    redirect_uri: str
    scopes: tuple[str, ...]

    def link(self, lichess: str) -> str:
        """The page of Lichess that asks the user."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": self.redirect_uri,
            "code_challenge_method": "S256",
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "scope": " ".join(self.scopes),
            "state": self.state,
        }
        return f"{lichess}/oauth?{urlencode(query)}"

    def trade(self, answer: str) -> dict[str, str]:
        """The form that Lichess trades for a token.

        `answer` is the address to which Lichess sends the browser, or the code in it.

        Raises:
            ValueError: it is not the answer to this request.
            EnvironmentProblem: Lichess gives no token.
        """
        found = {"code": answer.strip(), "state": self.state}
        if not re.fullmatch(r"\w+", answer.strip()):  # a code is worthless without its verifier
            found = dict(parse_qsl(urlsplit(answer.strip()).query))
        if found.get("state") != self.state:
            raise ValueError("this is not the answer to the link; open the link again")
        if "code" not in found:
            raise EnvironmentProblem(f"Lichess gives no token: {found.get('error_description')}")
        return {
            "grant_type": "authorization_code",
            "code": found["code"],
            "code_verifier": self.verifier,
            "redirect_uri": self.redirect_uri,
            "client_id": CLIENT,
        }
