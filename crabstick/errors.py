"""The errors of crabstick; each message is one sentence that a person can act on.

Every argument reaches `super().__init__`, so that an error can be pickled for another node.
"""

from datetime import timedelta


class CrabstickError(Exception):
    """The base of all errors that crabstick raises itself.

    The first argument is the message: what is wrong, where, and how to correct it.
    """

    exit_status = 1

    def __str__(self) -> str:
        return str(self.args[0])


class ConfigError(CrabstickError):
    """The user gave a wrong value; the process exits with status 2."""

    exit_status = 2


class EnvironmentProblem(CrabstickError):
    """The machine, the cluster or the network prevents what the user asked for; status 1."""


class InvariantBroken(CrabstickError):
    """A bug: a rule got input that it never allows."""


class LichessError(CrabstickError):
    """A call to Lichess did not succeed."""


class RateLimited(LichessError):
    """Lichess answered 429.

    Args:
        message: which call was limited.
        retry_after: the wait that Lichess asks for; None when it names none.
        key: Lichess's name of the limit; empty when it names none.
    """

    def __init__(self, message: str, retry_after: timedelta | None = None, key: str = "") -> None:
        super().__init__(message, retry_after, key)
        self.retry_after = retry_after
        self.key = key


class Unauthorized(LichessError):
    """Lichess answered 401 or 403: the token is unknown, revoked, or lacks a scope."""


class Refused(LichessError):
    """Lichess refused the call (another 4xx), and would refuse a retry.

    Args:
        message: Lichess's own text.
        status: the HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message, status)
        self.status = status


class Unavailable(LichessError):
    """No valid answer: 5xx, timeout, reset, DNS or TLS. The call may have taken effect."""


class StreamEnded(LichessError):
    """A stream ended after a whole line, was closed on our side, or sent too long a line."""


class StreamSilent(LichessError):
    """A stream sent nothing, not even a keep-alive, within its silence limit."""
