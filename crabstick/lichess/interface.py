"""The interface between crabstick and Lichess: three protocols, no transport.

`LichessPort` serves the account: the listener and the commands use one per bot. An EngineActor
opens a `GamesPort` on standby, and a `GamePort` for each game. Streams and account calls raise the
errors of `crabstick.errors`. A post in a game returns a `PostOutcome`, because each case is normal.

Callers reconnect, with `rules.retry`: only they know the running chess clock.
"""

from collections.abc import AsyncGenerator, Collection
from datetime import timedelta
from typing import Final, Protocol

from crabstick.rules.lichess_types import (
    Account,
    Arena,
    DeclineReason,
    GameId,
    GameLine,
    GameSummary,
    LichessEvent,
    PostOutcome,
)
from crabstick.rules.matchmaking import Proposal

POST_LIMIT: Final = timedelta(seconds=5)
"""The default time limit for the response to a post in a game."""
SILENCE_LIMIT: Final = timedelta(seconds=15)
"""Two missed keep-alives: Lichess sends one every 7 s."""


class LichessPort(Protocol):
    """Lichess as the bot's account sees it.

    Each call may raise `RateLimited`, `Unauthorized`, `Refused` or `Unavailable`. A call that finds
    Lichess unavailable is retried twice, within 25 s in all; a 429 is never retried. Callers keep
    to Lichess's limits (`account`: 30 calls in 5 minutes, `events`: 30 in 10 minutes).
    """

    async def account(self) -> Account:
        """The account that the token belongs to."""

    async def token_scopes(self) -> frozenset[str]:
        """The scopes of the token; empty when Lichess does not know the token."""

    async def playing(self) -> tuple[GameSummary, ...]:
        """The ongoing games, most urgent first, 50 at most: a missing game may still be running."""

    async def accept(self, challenge_id: GameId) -> None:
        """Accepts a challenge; the game comes as an event.

        Lichess answers a repeated accept with 404. So a `Refused` with status 404 may mean that an
        earlier try succeeded and only its response was lost: the event stream has the truth.
        """

    async def decline(self, challenge_id: GameId, reason: DeclineReason) -> None:
        """Declines a challenge; `Refused` with status 404 as in `accept`."""

    async def challenge(self, proposal: Proposal) -> GameId:
        """Challenges a bot or a person; returns the id of the challenge, and later of the game.

        `Refused` when the opponent is not to be challenged, `RateLimited` with `key`
        `bot.vsBot.day` when we have played the bot games of the day. Never retried.
        """

    async def cancel(self, challenge_id: GameId) -> None:
        """Withdraws a challenge of ours; `Refused` when a game came of it."""

    async def online_bots(self) -> tuple[Account, ...]:
        """The bots that are online, 512 at most, with their ratings."""

    async def idle(self, names: Collection[str]) -> frozenset[str]:
        """Which of the names (100 at most) are online and not playing, in lower case."""

    async def arena(self, arena_id: str) -> Arena:
        """An arena tournament; `Refused` with status 404 when there is none."""

    async def join_arena(self, arena_id: str, team: str | None, password: str | None) -> None:
        """Joins an arena, or asks it for a game; needs the scope `tournament:write`.

        Lichess pairs for a minute after each call, and allows 30 calls in ten minutes.
        """

    async def leave_arena(self, arena_id: str) -> None:
        """Leaves an arena, or pauses in one that runs; needs the scope `tournament:write`."""

    async def upgrade_account(self) -> None:
        """Makes the account a BOT for ever; `Refused` when the account has played a game."""

    def events(self) -> AsyncGenerator[LichessEvent | None, None]:
        """One connection to the event stream; ongoing games and challenges come first.

        None is a keep-alive; the first one says that the connection is open.

        Iterate under `contextlib.aclosing`.

        Raises:
            StreamEnded: the server, a second stream of this token, or `close` ended the stream.
            StreamSilent: not even a keep-alive came within the silence limit.
        """

    async def close(self) -> None:
        """Closes the streams and connections. Idempotent."""


class GamePort(Protocol):
    """One game over Lichess's Bot API; all its requests carry one User-Agent.

    The User-Agent makes the stream a lease: a new stream ends the earlier one.
    """

    def is_current(self) -> bool:
        """Whether the stream is open and has yielded every line received so far.

        No I/O, no await. Bytes that the event loop has not yet read from the socket do not count:
        `await asyncio.sleep(0)` first to narrow that gap. When False, the unread line may be just a
        keep-alive: take the next item and check again.
        """

    def lines(self) -> AsyncGenerator[GameLine | None, None]:
        """One connection to the game's stream; the first line is a `GameFull`.

        None is a keep-alive. Iterate under `contextlib.aclosing`. A second call ends the first.

        Raises:
            StreamEnded: the game is over, another stream replaced this one, or `close` was called.
            StreamSilent: not even a keep-alive came within the silence limit.
            RateLimited, Unauthorized, Refused, Unavailable: as for any call.
        """

    async def move(
        self, uci: str, *, offering_draw: bool = False, within: timedelta = POST_LIMIT
    ) -> PostOutcome:
        """Sends a move once. Repeating the *same* move is safe: a move that arrived is now illegal.

        When the server closes the connection at the same instant, the outcome is `Unanswered`.

        Raises:
            InvariantBroken: `uci` is not a UCI move.
        """

    async def abort(self) -> PostOutcome:
        """Aborts a game of fewer than two plies."""

    async def resign(self) -> PostOutcome:
        """Resigns; while the game can be aborted, Lichess aborts it instead."""

    async def claim_victory(self) -> PostOutcome:
        """Claims the win after the opponent left; `Posted` does not mean success."""

    async def close(self) -> None:
        """Ends the stream for good, even while it is opening or being read.

        From now on `lines` raises `StreamEnded`; posting remains possible.
        """


class GamesPort(Protocol):
    """Connections that an EngineActor opens before it has a game."""

    async def warm(self) -> bool:
        """Opens connections by a cheap request; returns whether Lichess responded; never raises."""

    def game(self, game_id: GameId) -> GamePort:
        """The port of one game; sends nothing."""

    async def close(self) -> None:
        """Closes every stream and connection. Idempotent."""
