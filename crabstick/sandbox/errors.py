"""Error responses of Lichess, as exceptions that carry status and body.

No I/O here: operations raise them, `endpoint.py` sends them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Json: TypeAlias = str | int | float | bool | Sequence["Json"] | Mapping[str, "Json"] | None
"""Values that `json.dumps` accepts."""
JsonObject: TypeAlias = dict[str, Any]
"""For readers of our own answers, whose keys are known."""


class ApiError(Exception):
    """A request that Lichess answers with an error, after `delay_s`."""

    def __init__(self, status: int, body: Mapping[str, Json], delay_s: float = 0.0) -> None:
        super().__init__(status, body, delay_s)
        self.status = status
        self.body = body
        self.delay_s = delay_s

    @property
    def reason(self) -> str:
        """The error text, for the ledger."""
        return str(self.body.get("error", self.body))


def api_error(text: str, status: int = 400, delay_s: float = 0.0) -> ApiError:
    """An error with one sentence: `{"error": text}`."""
    return ApiError(status, {"error": text}, delay_s)


def not_found(text: str = "Not found") -> ApiError:
    """A 404."""
    return api_error(text, 404)


def form_error(field: str, text: str) -> ApiError:
    """A form error of a *double* endpoint: the field appears twice."""
    problem: dict[str, Json] = {field: [text]}
    return ApiError(400, {**problem, "error": problem})


def too_many_requests(text: str = "Too many requests. Try again later.") -> ApiError:
    """A 429."""
    return api_error(text, 429)
