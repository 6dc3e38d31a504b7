"""What the sandbox knows: challenges, games and their players. Operations are in other modules.

No I/O here; times are Unix times in ms (floats, from one clock that never goes back).
"""

import random
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass

import chess

from crabstick.sandbox.accounts import Account, Accounts
from crabstick.sandbox.challenge_form import Terms
from crabstick.sandbox.clocks import GameClock, new_clock
from crabstick.sandbox.ledger import Ledger, MoveRecord
from crabstick.sandbox.options import Options
from crabstick.sandbox.presence import Presence
from crabstick.sandbox.request_limits import RequestLimits
from crabstick.sandbox.vocabulary import STARTED, Status

__all__ = ["Challenge", "Game", "Seat", "World", "position_key"]

_ID_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_ID_LENGTH = 8
_PLAYER_ID_LENGTH = 4
_BOTH_MOVED_PLY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A player of a game, as it was when the game began."""

    account: Account
    player_id: str
    """Four characters; game id and player id together are Lichess's `fullId`."""

    @property
    def user_id(self) -> str:
        """Whose seat it is."""
        return self.account.id


class Challenge:
    """An invitation; `status` is created, offline, accepted, declined or canceled."""

    def __init__(
        self,
        challenge_id: str,
        sides: tuple[str, str],
        terms: Terms,
        drawn: chess.Color,
        now_ms: float,
    ) -> None:
        self.id = challenge_id
        self.challenger_id, self.target_id = sides
        self.terms = terms
        self.challenger_color = drawn
        self.status = "created"
        self.decline_key: str | None = None
        self.made_ms = now_ms
        self.seen_ms = now_ms
        """When its challenger last showed an interest: 20 s later it is offline."""
        self.answered_ms: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can still be accepted, declined or canceled."""
        return self.status in {"created", "offline"}

    def close(self, status: str, now_ms: float) -> None:
        """Record the outcome."""
        self.status = status
        self.answered_ms = now_ms


class Game:
    """A game and all that happened in it; one board, moved on and never replayed."""

    def __init__(
        self, game_id: str, terms: Terms, seats: dict[chess.Color, Seat], now_ms: float
    ) -> None:
        self.id = game_id
        self.terms = terms
        self.seats = seats
        self.created_ms = now_ms
        self.changed_ms = now_ms
        self.board = _start_board(terms)
        self.clock: GameClock = new_clock(terms.limit, terms.increment, terms.days)
        self.status: Status = STARTED
        self.winner: chess.Color | None = None
        self.moves: list[MoveRecord] = []
        self.moves_text = ""
        """The moves as stream lines show them, kept so that no line is built from the start."""
        self.seen: Counter[Hashable] = Counter([position_key(self.board)])
        self.draw_offer: chess.Color | None = None
        self.offered_at_ply: dict[chess.Color, int] = {}
        self.chat: list[tuple[str, str, str]] = []
        """(room, user name, text)"""
        self.shown: dict[chess.Color, tuple[int, float]] = {True: (0, 0.0), False: (0, 0.0)}
        """For each reader the last ply that was written to it, and when that was (ms)."""
        self.countdown: dict[chess.Color, float] = {}
        """When each absent side's last `opponentGone` line was sent (ms)."""
        self.claimable: dict[chess.Color, bool] = {True: False, False: False}
        """Whether each absent side's countdown has come to 0."""

    @property
    def ply(self) -> int:
        """How many moves were played."""
        return len(self.moves)

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self.status is STARTED

    @property
    def both_moved(self) -> bool:
        """Whether two moves were played: from then on the clock runs and nothing is aborted."""
        return self.ply >= _BOTH_MOVED_PLY

    @property
    def is_abortable(self) -> bool:
        """Fewer than two moves were played and nobody asked for noAbort."""
        return self.is_running and not self.both_moved and "noAbort" not in self.terms.rules

    @property
    def has_bot(self) -> bool:
        """A bot's game ends at the third repetition without a claim."""
        return any(seat.account.is_bot for seat in self.seats.values())

    def color_of(self, user_id: str) -> chess.Color | None:
        """Tell which side a user plays; None for a stranger."""
        for color, seat in self.seats.items():
            if seat.user_id == user_id:
                return color
        return None

    def note_written(self, color: chess.Color, ply: int, now_ms: float) -> None:
        """Remember when a side was first shown the position after `ply` moves."""
        if self.shown[color][0] < ply:
            self.shown[color] = (ply, now_ms)


class World:
    """Everything there is in one sandbox.

    Args:
        accounts: the players.
        options: switches.
        rng: for ids and for random colours.
    """

    def __init__(self, accounts: Accounts, options: Options, rng: random.Random) -> None:
        self.accounts = accounts
        self.options = options
        self.limits = RequestLimits(enabled=options.rate_limits)
        self.challenges: dict[str, Challenge] = {}
        self.games: dict[str, Game] = {}
        self.running: dict[str, Game] = {}
        self.presence = Presence()
        self.ledger = Ledger()
        self._rng = rng

    def new_id(self) -> str:
        """Draw an id that neither challenge nor game has."""
        while True:
            drawn = "".join(self._rng.choices(_ID_LETTERS, k=_ID_LENGTH))
            if drawn not in self.challenges and drawn not in self.games:
                return drawn

    def new_seat(self, user_id: str) -> Seat:
        """Seat a user at a new game."""
        player_id = "".join(self._rng.choices(_ID_LETTERS, k=_PLAYER_ID_LENGTH))
        return Seat(account=self.accounts[user_id], player_id=player_id)

    def draw_color(self) -> chess.Color:
        """Flip a coin for a random colour."""
        return self._rng.choice(chess.COLORS)

    def draw_960(self) -> str:
        """Draw one of the 960 start positions, as a FEN."""
        return chess.Board.from_chess960_pos(self._rng.randrange(960)).fen()

    def games_of(self, user_id: str) -> list[Game]:
        """List the running games of a user."""
        return [game for game in self.running.values() if game.color_of(user_id) is not None]


def position_key(board: chess.Board) -> Hashable:
    """Make the key by which two positions are the same for the repetition rule."""
    return (
        board.pawns,
        board.knights,
        board.bishops,
        board.rooks,
        board.queens,
        board.kings,
        board.occupied_co[chess.WHITE],
        board.turn,
        board.clean_castling_rights(),
        board.ep_square if board.ep_square and board.has_legal_en_passant() else None,
    )


def _start_board(terms: Terms) -> chess.Board:
    chess960 = terms.variant.key == "chess960"
    return chess.Board(terms.initial_fen or chess.STARTING_FEN, chess960=chess960)
