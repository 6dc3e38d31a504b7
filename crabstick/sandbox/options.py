"""The options of a sandbox; the defaults behave like Lichess."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

SANDBOX_ADMIN_VARIABLE = "CRABSTICK_SANDBOX_ADMIN_TOKEN"
"""Environment variable with the token for `/sandbox/...`; without it the command makes one up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a sandbox behaves."""

    rate_limits: bool = True
    """Whether Lichess's request limits apply; switch them off for benchmarks."""
    king_to_rook: bool = True
    """Castling in stream lines: True for `e1h1` (documented), False for `e1g1` in standard."""
    seed: int | None = None
    """Makes ids and random colours repeatable."""
    keep_alive: timedelta = timedelta(seconds=6.5)
    """How often an idle stream sends an empty line; Lichess: 6 to 7 s."""
    sweep: timedelta = timedelta(seconds=1)
    """How often flags, absent players and old challenges are checked."""
    challenge_life: timedelta = timedelta(seconds=20)
    """After this a challenge to a clock game goes offline; it can still be accepted."""
    site: str = "https://lichess.org"
    """The base URL of games, challenges and users; a server sets its own URL."""
    on_ready: Callable[[str], None] = lambda _: None
    """Called with the URL once the server answers requests."""
    on_unserved: Callable[[str], None] = lambda _: None
    """Called with the method and path of the first request for each path that is not served."""
