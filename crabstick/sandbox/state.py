"""The state of the sandbox: challenges, games, presence and the ledger.

Other modules hold the operations. No I/O here; times are Unix times in ms (floats, from one clock
that never goes back).
"""

import random
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import chess

from crabstick.sandbox.accounts import Accounts, SandboxAccount
from crabstick.sandbox.challenge_form import Terms
from crabstick.sandbox.clocks import new_clock
from crabstick.sandbox.errors import JsonObject
from crabstick.sandbox.options import Options
from crabstick.sandbox.request_limits import RequestLimits
from crabstick.sandbox.vocabulary import Status

_ID_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_ID_LENGTH = 8
_BOTH_MOVED_PLY = 2
_ONLINE_AFTER_MS = 10_000


@dataclass(frozen=True, slots=True)
class MoveRecord:
    """A move that was played."""

    ply: int
    uci: str
    """As written in stream lines."""
    by: str
    received_ms: float
    user_agent: str
    overhead_ms: float | None
    """From writing the opponent's move until reading this move; None for the first move, and when
    the opponent's move was not written to this player."""
    left_ms: int
    """The mover's time after the move, including the increment."""


class SandboxLedger:
    """The record that tests check a bot against, besides games and challenges; only grows."""

    def __init__(self) -> None:
        self.refused_moves: list[JsonObject] = []
        self.ended_streams: list[JsonObject] = []
        self.requests: Counter[tuple[str, str, str]] = Counter()
        """(endpoint, user or "", status or "lost") -> count"""
        self.unserved_paths: list[str] = []


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
        """How long a player has had no stream of the game; the game began at `since_ms`."""
        if self._open[game_id, user_id] > 0:
            return 0.0
        return now_ms - self._left_ms.get((game_id, user_id), since_ms)


@dataclass(slots=True, eq=False)
class SandboxChallenge:
    """A challenge; `status` is created, offline, accepted, declined or canceled."""

    id: str
    challenger: SandboxAccount
    target: SandboxAccount
    terms: Terms
    challenger_color: chess.Color
    made_ms: float
    seen_ms: float
    """When the challenger was last attentive; 20 s later the challenge goes offline."""
    status: str = "created"
    decline_key: str | None = None
    answered_ms: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the challenge can still be accepted, declined or canceled."""
        return self.status in {"created", "offline"}


class SandboxGame:
    """A game; its one board advances with each move, and is never replayed."""

    def __init__(
        self,
        game_id: str,
        terms: Terms,
        players: Mapping[chess.Color, SandboxAccount],
        now_ms: float,
    ) -> None:
        self.id = game_id
        self.terms = terms
        self.players = players
        self.created_ms = now_ms
        self.changed_ms = now_ms
        self.board = terms.variant.board(terms.initial_fen)
        self.clock = new_clock(terms.clock, terms.days)
        self.status = Status.started
        self.winner: chess.Color | None = None
        self.moves: list[MoveRecord] = []
        self.moves_text = ""
        """The moves as in stream lines, kept so that no line is built from the start."""
        self.seen: Counter[Hashable] = Counter([_position_key(self.board)])
        self.draw_offer: chess.Color | None = None
        self.offered_at_ply: dict[chess.Color, int] = {}
        self.chat: list[tuple[str, str, str]] = []
        """(room, user name, text)"""
        self.shown: dict[chess.Color, tuple[int, float]] = {True: (0, 0.0), False: (0, 0.0)}
        """For each reader the last ply that was written to it, and when (ms)."""
        self.countdown: dict[chess.Color, tuple[float, bool]] = {}
        """When the last `opponentGone` line about each absent side was sent (ms), and whether the
        win could be claimed then."""

    @property
    def ply(self) -> int:
        """The number of moves played."""
        return len(self.moves)

    @property
    def is_running(self) -> bool:
        """Whether the game is not over."""
        return self.status is Status.started

    @property
    def both_moved(self) -> bool:
        """Whether two moves were played: from then on the clock runs and no abort is possible."""
        return self.ply >= _BOTH_MOVED_PLY

    @property
    def is_abortable(self) -> bool:
        """Whether fewer than two moves were played, without the rule noAbort."""
        return self.is_running and not self.both_moved and "noAbort" not in self.terms.rules

    @property
    def repetitions(self) -> int:
        """How often the position has occurred."""
        return self.seen[_position_key(self.board)]

    @property
    def winner_name(self) -> str | None:
        """The winner's colour as a word."""
        return None if self.winner is None else chess.COLOR_NAMES[self.winner]

    def full_id(self, color: chess.Color) -> str:
        """Lichess's `fullId`: four more characters than the id, which differ by player."""
        return self.id + chess.COLOR_NAMES[color][:4]

    def color_of(self, account: SandboxAccount) -> chess.Color | None:
        """The colour of a user; None for users who do not play."""
        return next((color for color in self.players if self.players[color] is account), None)

    def push(self, move: chess.Move) -> None:
        """Puts a move on the board."""
        self.board.push(move)
        self.seen[_position_key(self.board)] += 1

    def record_written(self, color: chess.Color, ply: int, now_ms: float) -> None:
        """Records when a side was first shown the position after `ply` moves."""
        if self.shown[color][0] < ply:
            self.shown[color] = (ply, now_ms)


class World:
    """All state of one sandbox; `rng` draws ids, random colours and chess960 positions."""

    def __init__(self, accounts: Accounts, options: Options, rng: random.Random) -> None:
        self.accounts = accounts
        self.options = options
        self.limits = RequestLimits(enabled=options.rate_limits)
        self.challenges: dict[str, SandboxChallenge] = {}
        self.games: dict[str, SandboxGame] = {}
        self.running: dict[str, SandboxGame] = {}
        self.finished: Counter[tuple[str, str]] = Counter()
        """How many games each (user, rating category) has finished; aborted games do not count."""
        self.presence = Presence()
        self.ledger = SandboxLedger()
        self.rng = rng
        self.started_ms = 0.0

    def new_id(self) -> str:
        """Draws an id that no challenge or game has."""
        while True:
            drawn = "".join(self.rng.choices(_ID_LETTERS, k=_ID_LENGTH))
            if drawn not in self.challenges and drawn not in self.games:
                return drawn

    def games_of(self, account: SandboxAccount) -> list[SandboxGame]:
        """The running games of a user."""
        return [game for game in self.running.values() if game.color_of(account) is not None]


def _position_key(board: chess.Board) -> Hashable:
    """A key that is equal for equal positions under the repetition rule of the variant."""
    return board._transposition_key()  # noqa: SLF001 -- the key of python-chess's own repetitions
