"""The errors of crabstick: each message is one sentence that a person can act on.

Every argument reaches `super().__init__`, so that an error survives the pickle to another node.
"""

from datetime import timedelta

__all__ = [
    "ConfigError",
    "CrabstickError",
    "EnvironmentProblem",
    "InvariantBroken",
    "LichessError",
    "RateLimited",
    "Refused",
    "StreamEnded",
    "StreamSilent",
    "Unauthorized",
    "Unavailable",
]


class CrabstickError(Exception):
    """The root: whoever catches this catches everything that crabstick foresees.

    Args:
        message: what is wrong, where, and what would be right.
    """

    exit_status = 1

    def __init__(self, message: str, *details: object) -> None:
        super().__init__(message, *details)
        self.message = message

    def __str__(self) -> str:
        return self.message


class ConfigError(CrabstickError):
    """A value that the user wrote is wrong; the process ends with status 2."""

    exit_status = 2


class EnvironmentProblem(CrabstickError):
    """The machine, the cluster or the network is not as the user's wish needs it; status 1."""


class InvariantBroken(CrabstickError):
    """A mistake of our own: a rule was asked for something it never allows."""


class LichessError(CrabstickError):
    """A call to Lichess did not succeed."""


class RateLimited(LichessError):
    """Lichess answered 429.

    Args:
        message: which call was limited.
        retry_after: how long Lichess asked to wait; None when it did not say.
        key: Lichess's name of the limit; empty when it did not say.
    """

    def __init__(self, message: str, retry_after: timedelta | None = None, key: str = "") -> None:
        super().__init__(message, retry_after, key)
        self.retry_after = retry_after
        self.key = key


class Unauthorized(LichessError):
    """Lichess answered 401 or 403: the token is unknown, revoked, or lacks a scope."""


class Refused(LichessError):
    """Lichess understood the call and said no (another 4xx); asking again changes nothing.

    Args:
        message: Lichess's own words.
        status: the HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message, status)
        self.status = status


class Unavailable(LichessError):
    """No answer: 5xx, a timeout, a reset, DNS or TLS. The call may have taken effect."""


class StreamEnded(LichessError):
    """The server closed a stream at a line's end."""


class StreamSilent(LichessError):
    """A stream sent nothing, not even a keep-alive, for longer than its silence limit."""
