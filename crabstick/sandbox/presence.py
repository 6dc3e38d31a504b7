"""Which users have an open event or game stream, and when the others left.

No I/O here; times are Unix times in ms.
"""

from collections import Counter

_ONLINE_AFTER_MS = 10_000


class Presence:
    """Counts open streams per user and per (game, user)."""

    def __init__(self) -> None:
        self._open: Counter[tuple[str, str]] = Counter()
        self._left_ms: dict[tuple[str, str], float] = {}

    def arrive(self, user_id: str, game_id: str = "") -> None:
        """Counts a new stream; without a game it is an event stream."""
        self._open[game_id, user_id] += 1

    def leave(self, user_id: str, game_id: str, now_ms: float) -> None:
        """Removes a stream that ended."""
        self._open[game_id, user_id] -= 1
        self._left_ms[game_id, user_id] = now_ms
        self._left_ms["", user_id] = now_ms
        if self._open[game_id, user_id] <= 0:
            del self._open[game_id, user_id]

    def is_online(self, user_id: str, now_ms: float) -> bool:
        """Whether a user has a stream, or had one within the last 10 s."""
        if any(user == user_id for _, user in self._open):
            return True
        return now_ms - self._left_ms.get(("", user_id), 0.0) < _ONLINE_AFTER_MS

    def away_ms(self, user_id: str, game_id: str, since_ms: float, now_ms: float) -> float:
        """How long a player has had no stream of its game.

        Args:
            user_id: the player.
            game_id: the game.
            since_ms: when the game began, for players who never had a stream.
            now_ms: the current time.
        """
        if self._open[game_id, user_id] > 0:
            return 0.0
        return now_ms - self._left_ms.get((game_id, user_id), since_ms)
