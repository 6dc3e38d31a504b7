"""What the rest of crabstick may ask of Lichess: three protocols, no transport.

`LichessPort` is the account's, one per bot: the listener and the commands use it. `GamesPort` is
what an actor opens while it waits on standby, `GamePort` one game of it. The errors of the streams
and of the account's calls are those of `crabstick.errors`; an answer to something posted in a game
is a value, a `PostOutcome`, since each of its cases is to be expected.

Reconnecting is the caller's, with `rules.retry`: it knows the clock that is running.
"""

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Final, Protocol

from crabstick.rules.model import (
    Account,
    DeclineReason,
    GameId,
    GameLine,
    GameSummary,
    LichessEvent,
    PostOutcome,
)

__all__ = ["POST_LIMIT", "SILENCE_LIMIT", "GamePort", "GamesPort", "LichessPort"]

POST_LIMIT: Final = timedelta(seconds=5)
"""How long a post in a game waits for its answer, unless told otherwise."""
SILENCE_LIMIT: Final = timedelta(seconds=15)
"""Two keep-alives missed: Lichess sends one after each 7 s."""


class LichessPort(Protocol):
    """Lichess as the bot's account sees it.

    Each call may raise `RateLimited`, `Unauthorized`, `Refused` or `Unavailable`. Trouble on the
    way is retried twice, within 25 s at the worst, before it is `Unavailable`; a 429 never is. How
    often one may ask is the caller's duty (`account`: 30 times in 5 minutes, `events`: 30 in 10).
    """

    async def account(self) -> Account:
        """The bearer of the token."""

    async def token_scopes(self) -> frozenset[str]:
        """What the token may do; empty when Lichess does not know it."""

    async def playing(self) -> tuple[GameSummary, ...]:
        """The ongoing games, most urgent first, fifty at most: a missing one proves nothing."""

    async def accept(self, challenge_id: GameId) -> None:
        """Takes a challenge; the game comes as an event.

        A repeated accept is answered 404. So a `Refused` with status 404 may mean that an earlier
        try was taken and only its answer lost: the event stream has the truth.
        """

    async def decline(self, challenge_id: GameId, reason: DeclineReason) -> None:
        """Turns a challenge down; `Refused` with status 404 as in `accept`."""

    async def upgrade_account(self) -> None:
        """Makes the account a BOT for ever; `Refused` when it has played a game before."""

    async def export_pgn(self, game_id: GameId) -> str:
        """The game as PGN; of an ongoing one Lichess holds the last three moves back."""

    def events(self) -> AsyncGenerator[LichessEvent | None, None]:
        """One connection to the event stream, from the burst of what is ongoing onwards.

        None is a keep-alive: Lichess was heard. Iterate it under `contextlib.aclosing`.

        Raises:
            StreamEnded: the server, a second stream of this token, or `close` ended it.
            StreamSilent: not even a keep-alive came for the silence limit.
        """

    async def close(self) -> None:
        """Ends the streams and connections; may be called twice."""


class GamePort(Protocol):
    """One game over Lichess's Bot API; all its requests carry one User-Agent.

    That makes the stream a lease: Lichess ends the one before when a new one opens.
    """

    @property
    def is_open(self) -> bool:
        """Whether the stream is up and neither an end nor an error was received."""

    def is_current(self) -> bool:
        """Whether the stream is open and each line received so far has been handed out.

        Costs no I/O and no await. What the event loop has not read from the socket is not seen:
        `await asyncio.sleep(0)` before it narrows that. When it is False, what waits may be but a
        keep-alive: take the next item and ask again.
        """

    def lines(self) -> AsyncGenerator[GameLine | None, None]:
        """One connection to the game's stream; the first line is a `GameFull`.

        None is a keep-alive. Iterate it under `contextlib.aclosing`. A second call ends the first.

        Raises:
            StreamEnded: the game is over, another stream replaced this one, or `close` was called.
            StreamSilent: not even a keep-alive came for the silence limit.
            RateLimited, Unauthorized, Refused, Unavailable: as for any call.
        """

    async def move(
        self, uci: str, *, offering_draw: bool = False, within: timedelta = POST_LIMIT
    ) -> PostOutcome:
        """Plays a move, sent once; repeating the *same* move is safe, it is illegal by then.

        A connection that the server closed in the same instant yields `Unanswered` at once.

        Raises:
            InvariantBroken: `uci` is no UCI move.
        """

    async def abort(self) -> PostOutcome:
        """Ends a game of fewer than two plies without a result."""

    async def resign(self) -> PostOutcome:
        """Resigns; Lichess aborts instead while that is possible."""

    async def claim_victory(self) -> PostOutcome:
        """Claims the win when the opponent left; `Posted` does not say that it was granted."""

    async def close(self) -> None:
        """Ends the stream, even in the midst of an iteration or of its opening, and for good.

        `lines` only raises `StreamEnded` from now on; posting is still possible.
        """


class GamesPort(Protocol):
    """What an actor holds before it has a game: connections, but no stream."""

    async def warm(self) -> bool:
        """Opens a connection by a cheap request; whether Lichess answered. Raises nothing."""

    def game(self, game_id: GameId) -> GamePort:
        """The port of one game; nothing is sent yet."""

    async def close(self) -> None:
        """Ends every stream and connection; may be called twice."""
