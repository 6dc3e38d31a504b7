"""How long to wait before a retry, and whether an HTTP status allows one.

Pure: the caller draws the random number and waits.
"""

from datetime import timedelta
from enum import Enum
from http import HTTPStatus

from crabstick.errors import InvariantBroken

FIRST_DELAY = timedelta(milliseconds=250)
LONGEST_DELAY = timedelta(seconds=30)
"""The longest pause is at least half of this: Lichess allows 30 openings in 10 minutes."""
USUAL_COOL_DOWN = timedelta(minutes=1)
"""Source: Lichess API, "Rate limiting": after a 429 wait a full minute."""
LONGEST_COOL_DOWN = timedelta(days=1)
"""The longest window that Lichess has (100 games against bots a day)."""
LONGEST_GAME_DELAY = timedelta(seconds=3)
"""Our clock runs: a game cannot afford the long pauses that spare a server."""
SHORTEST_GAME_DELAY = timedelta(milliseconds=100)
LIMITED_GAME_DELAY = timedelta(seconds=1)
"""The shortest wait of a game after a 429 that names no time."""
MOST_OF_A_CLOCK = 4
"""A wait takes at most a fourth of our clock: a wait alone must not lose the game."""

_DOUBLINGS = 7  # 250 ms doubled seven times is 32 s, past LONGEST_DELAY
_SECONDS_IN_A_DAY = int(LONGEST_COOL_DOWN.total_seconds())


class Verdict(Enum):
    """What to do after an unsuccessful response."""

    RETRY = "retry"
    """The server is in trouble: retry after `next_delay`."""
    COOL_DOWN = "cool down"
    """Too many requests: send nothing to this class of endpoints for `cool_down`."""
    GIVE_UP = "give up"
    """The server understood and refused: a retry gets the same response."""


def classify(status: int) -> Verdict:
    """The verdict on an HTTP status of 300 or more.

    Raises:
        InvariantBroken: the status is a success.
    """
    if status < HTTPStatus.MULTIPLE_CHOICES:
        raise InvariantBroken(f"HTTP status {status} is a success: do not classify it.")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Verdict.COOL_DOWN
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return Verdict.RETRY
    return Verdict.GIVE_UP


def next_delay(attempt: int, draw: float) -> timedelta:
    """The pause before retry number `attempt`: exponential, bounded, half of it random.

    Args:
        attempt: 0 for the first retry.
        draw: a random number in [0, 1), so that many clients do not return in step.

    Raises:
        InvariantBroken: an argument is out of its range.
    """
    if attempt < 0 or not 0 <= draw < 1:
        raise InvariantBroken(f"No delay for attempt {attempt} with draw {draw}.")
    full = min(FIRST_DELAY * (1 << min(attempt, _DOUBLINGS)), LONGEST_DELAY)
    return full / 2 + full / 2 * draw


def next_game_delay(attempt: int, draw: float, *, left: timedelta | None) -> timedelta:
    """`next_delay` for a running game: at most three seconds.

    `left` is our clock, of which the wait takes at most a fourth; None without a clock.
    """
    delay = min(next_delay(attempt, draw), LONGEST_GAME_DELAY)
    return delay if left is None else min(delay, max(left / MOST_OF_A_CLOCK, SHORTEST_GAME_DELAY))


def limited_game_delay(
    asked: timedelta | None, attempt: int, draw: float, *, left: timedelta | None
) -> timedelta:
    """How long a running game waits after a 429: as long as `asked`, else more than a second.

    Args:
        asked: the wait that Lichess names, None without one.
        attempt: as for `next_delay`; if Lichess names no wait, each attempt doubles it.
        draw: as for `next_delay`.
        left: our clock, of which the wait takes at most a fourth; None without a clock.
    """
    delay = asked or LIMITED_GAME_DELAY + next_delay(attempt + 2, draw)
    return delay if left is None else min(delay, max(left / MOST_OF_A_CLOCK, LIMITED_GAME_DELAY))


def asked_wait(retry_after: str | None, ratelimit_seconds: object = None) -> timedelta | None:
    """How long Lichess asks us to wait after a 429: the longer of two values, None without any.

    Args:
        retry_after: the header `Retry-After`; ignored unless it is in whole seconds.
        ratelimit_seconds: `ratelimit.seconds` of the body, of any type.
    """
    named = [_header_seconds(retry_after), _body_seconds(ratelimit_seconds)]
    known = [seconds for seconds in named if seconds is not None]
    return timedelta(seconds=max(known)) if known else None


def cool_down(asked: timedelta | None) -> timedelta:
    """The wait after a 429: as long as `asked`, at most a day; a minute without a value."""
    if asked is None:
        return USUAL_COOL_DOWN
    return max(timedelta(0), min(asked, LONGEST_COOL_DOWN))


def _header_seconds(text: str | None) -> int | None:
    digits = (text or "").strip()
    if not (digits.isascii() and digits.isdigit()):
        return None
    return min(int(digits[:9]), _SECONDS_IN_A_DAY)


def _body_seconds(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return min(value, _SECONDS_IN_A_DAY)
