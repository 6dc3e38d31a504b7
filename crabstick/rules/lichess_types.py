"""Lichess's accounts, challenges, games and answers as frozen values, parsed once.

No I/O here. Durations are `timedelta`; colours are python-chess's (`chess.WHITE` is True).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal, NewType, get_args

import chess

GameId = NewType("GameId", str)
"""Eight characters; also the id of the challenge that the game came from."""
ActorName = NewType("ActorName", str)
"""`engine:<serial>`, fixed for the actor's life."""
NodeId = NewType("NodeId", str)
"""Ray's node id in hex."""

DeclineReason = Literal[
    "generic",
    "later",
    "tooFast",
    "tooSlow",
    "timeControl",
    "rated",
    "casual",
    "standard",
    "variant",
    "noBot",
    "onlyBot",
]
"""Source: Lichess API, "Decline a challenge"."""
Endpoint = Literal[
    "event_stream", "game_stream", "move", "command", "challenge", "bot_game", "account"
]
"""Lichess's endpoints in classes: a 429 makes the whole class wait.

`command` ends a game (abort, resign, claim victory). `bot_game` accepts another bot's challenge, a
hundred times a day; after that, challenges of people can still be accepted, and all declined.
"""
ENDPOINTS: Final[tuple[Endpoint, ...]] = get_args(Endpoint)
BOT_GAMES_KEY: Final = "bot.vsBot.day"
"""Source: lila, `ratelimit.key` in the response to a challenge between bots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The bearer of our token, or a bot that is online; `ratings` by Lichess's perf."""

    name: str
    title: str | None
    ratings: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_bot(self) -> bool:
        """Whether the account may use the Bot API."""
        return self.title == "BOT"


@dataclass(frozen=True, slots=True, kw_only=True)
class LichessPlayer:
    """One side of a game or challenge; an anonymous player has an empty name."""

    name: str
    title: str | None = None
    rating: int | None = None

    def __str__(self) -> str:
        return f"{self.title} {self.name}" if self.title else self.name or "Anonymous"


_QUARTERS = {timedelta(seconds=15): "¼", timedelta(seconds=30): "½", timedelta(seconds=45): "¾"}
"""Parts of a minute. Source: scalachess, `Clock.Config.limitString`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A real-time control: each side starts with `initial` and earns `increment` per move.

    As text it is what Lichess shows: `5+3`, `½+0`.
    """

    initial: timedelta
    increment: timedelta

    def __str__(self) -> str:
        minutes = round(self.initial / timedelta(minutes=1), 2)
        shown = _QUARTERS.get(self.initial, f"{minutes:g}")
        return f"{shown}+{self.increment.total_seconds():g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """A challenge; `clock` is None for correspondence and unlimited games."""

    id: GameId
    challenger: LichessPlayer | None
    dest_user: LichessPlayer | None
    variant: str
    rated: bool
    speed: str
    clock: Clock | None
    time_control: Literal["clock", "correspondence", "unlimited"]
    initial_fen: str | None = None
    our_color: chess.Color | None = None
    """The challenged side's; None while it is to be drawn."""
    days: int | None = None
    """For each move, in a correspondence game."""
    rules: frozenset[str] = frozenset()
    """Such as `noAbort`. Source: Lichess API, "Create a challenge"."""

    @property
    def is_from_bot(self) -> bool:
        """Whether the challenger is a BOT account."""
        return self.challenger is not None and self.challenger.title == "BOT"

    @property
    def challenger_id(self) -> str:
        """The challenger's name as Lichess compares names; empty for an anonymous player."""
        return self.challenger.name.lower() if self.challenger else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arena:
    """An arena tournament; `starts_in` is None once it has started."""

    id: str
    name: str
    starts_in: timedelta | None
    is_over: bool
    bots_allowed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GameSummary:
    """A game in the event stream and in `/api/account/playing`.

    `time_left` is our own clock (whole seconds from Lichess), None without one. `bot_playable` is
    False when Lichess says that the Bot API cannot play this game. `initial_fen` is known until the
    first move.
    """

    id: GameId
    color: chess.Color
    opponent: LichessPlayer
    speed: str
    is_my_turn: bool
    time_left: timedelta | None = None
    bot_playable: bool = True
    variant: str = "standard"
    rated: bool = False
    tournament: str = ""
    """The id of the game's tournament; empty without one."""
    initial_fen: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeMade:
    """`challenge`: a new challenge, to us or from us."""

    challenge: Challenge


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeEnded:
    """`challengeCanceled` or `challengeDeclined`: the challenge needs no answer any more.

    `reason` is Lichess's key of a decline in lower case, and empty for a withdrawn challenge.
    """

    id: GameId
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GameStarted:
    """`gameStart`, also sent for every ongoing game when the event stream opens."""

    game: GameSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class GameFinished:
    """`gameFinish`: the game is over, whatever our streams say."""

    id: GameId


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexpected:
    """A line that we do not understand; it is logged. `why` quotes its start."""

    why: str
    is_harmless: bool = False
    """Whether the type of the line is new to us; anything else is a gap in our parser."""
    challenge: GameId | None = None
    """The id of a challenge that we cannot read, so that it can be declined."""


LichessEvent = ChallengeMade | ChallengeEnded | GameStarted | GameFinished | Unexpected


@dataclass(frozen=True, slots=True, kw_only=True)
class GameState:
    """`gameState`: all moves so far in UCI and both clocks at the moment of sending.

    Times are None in games without a clock. `winner` is None for draws, aborts and running games.
    """

    moves: tuple[str, ...]
    white_time: timedelta | None
    black_time: timedelta | None
    white_increment: timedelta
    black_increment: timedelta
    status: str
    winner: chess.Color | None = None
    white_draw: bool = False
    black_draw: bool = False

    @property
    def is_over(self) -> bool:
        """Whether the status is final. Source: scalachess Status."""
        return self.status not in {"created", "started"}

    def clock_of(self, color: chess.Color) -> tuple[timedelta | None, timedelta]:
        """The clock of a side, and its increment."""
        if color == chess.WHITE:
            return self.white_time, self.white_increment
        return self.black_time, self.black_increment


@dataclass(frozen=True, slots=True, kw_only=True)
class GameFull:
    """`gameFull`: the whole game, the first line of every game stream."""

    id: GameId
    variant: str
    rated: bool
    speed: str
    white: LichessPlayer
    black: LichessPlayer
    initial_fen: str
    """`startpos` or a FEN."""
    clock: Clock | None
    state: GameState
    is_tournament: bool = False

    def color_of(self, account: str) -> chess.Color:
        """The side that the account plays; Lichess compares names without case."""
        return chess.WHITE if self.white.name.lower() == account.lower() else chess.BLACK


@dataclass(frozen=True, slots=True, kw_only=True)
class OpponentGone:
    """`opponentGone`: `claim_win_in` is None once the opponent is back."""

    gone: bool
    claim_win_in: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatLine:
    """`chatLine`: untrusted text of a player, a spectator or the server."""

    username: str
    text: str
    room: str


GameLine = GameFull | GameState | OpponentGone | ChatLine | Unexpected


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """200: Lichess accepted the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedPost:
    """400 or 404: not our turn, illegal, over, or not our game. `why` is Lichess's reason."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """No answer or a 5xx: only the stream shows whether Lichess accepted the call."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """429: not accepted; `retry_after` is None when Lichess names no time."""

    retry_after: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """401 or 403: the token is unknown, revoked, or lacks a scope."""

    why: str


PostOutcome = Posted | RefusedPost | Unanswered | Limited | Denied
