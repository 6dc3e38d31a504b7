"""The answers of Lichess that are not 200, as exceptions that carry status and body.

No I/O here: a rule raises one, `http.py` writes it.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

__all__ = [
    "Json",
    "Refusal",
    "form_error",
    "missing_scope",
    "no_such_token",
    "not_found",
    "refused",
    "too_many",
]

Json: TypeAlias = str | int | float | bool | Sequence["Json"] | Mapping[str, "Json"] | None
"""What `json.dumps` takes."""


class Refusal(Exception):
    """Lichess says no.

    Args:
        status: the HTTP status.
        body: the JSON object that goes with it.
        delay_s: how many seconds the real server takes to say it.
    """

    def __init__(self, status: int, body: Mapping[str, Json], delay_s: float = 0.0) -> None:
        super().__init__(status, body, delay_s)
        self.status = status
        self.body = body
        self.delay_s = delay_s

    @property
    def reason(self) -> str:
        """The error in words, for the ledger."""
        return str(self.body.get("error", self.body))


def refused(text: str, status: int = 400, delay_s: float = 0.0) -> Refusal:
    """Build the refusal by a rule: `{"error": text}`."""
    return Refusal(status, {"error": text}, delay_s)


def not_found(text: str = "Not found") -> Refusal:
    """Build the 404 for an unknown thing."""
    return refused(text, 404)


def form_error(field: str, text: str) -> Refusal:
    """Build a form error of a *double* endpoint: the field appears twice."""
    problem: dict[str, Json] = {field: [text]}
    return Refusal(400, {**problem, "error": problem})


def too_many(text: str = "Too many requests. Try again later.") -> Refusal:
    """Build a 429."""
    return refused(text, 429)


def no_such_token() -> Refusal:
    """Build the 401 for a token that nobody holds."""
    return refused("No such token", 401)


def missing_scope(scopes: tuple[str, ...]) -> Refusal:
    """Build the 403 for a token with none of the endpoint's scopes."""
    return refused(f"Missing scope: {' || '.join(scopes)}", 403)
