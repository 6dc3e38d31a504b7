"""The switches of a sandbox, with Lichess's own behaviour as the default."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

__all__ = ["SANDBOX_ADMIN_VARIABLE", "Options"]

SANDBOX_ADMIN_VARIABLE = "CRABSTICK_SANDBOX_ADMIN_TOKEN"
"""Environment variable with the token for `/sandbox/...`; without it the command makes one up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a sandbox behaves."""

    rate_limits: bool = True
    """Lichess's request limits; switch them off for benchmarks."""
    king_to_rook: bool = True
    """Castling in stream lines: True writes `e1h1` (documented), False `e1g1` in standard chess."""
    seed: int | None = None
    """Makes ids and random colours repeatable."""
    keep_alive: timedelta = timedelta(seconds=6.5)
    """How often an idle stream gets a blank line; Lichess: 6 to 7 s."""
    sweep: timedelta = timedelta(seconds=1)
    """How often flags, absent players and old challenges are looked at."""
    challenge_life: timedelta = timedelta(seconds=20)
    """After this a challenge to a clock game is offline (and can still be accepted)."""
    site: str = "https://lichess.org"
    """Where games, challenges and users are said to be; a server puts its own URL here."""
    on_ready: Callable[[str], None] | None = None
    """Called with the URL once requests are answered."""
