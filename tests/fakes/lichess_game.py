"""The fake game ports; see `lichess.py`."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta
from http import HTTPStatus

import chess

from crabstick.errors import InvariantBroken, Refused, StreamEnded
from crabstick.lichess.interface import POST_LIMIT
from crabstick.rules.lichess_types import (
    GameId,
    GameLine,
    Posted,
    PostOutcome,
    RefusedPost,
    Unanswered,
)
from tests.fakes.lichess_game_server import FakeMatch
from tests.fakes.stream import FakeStream


class FakeGames:
    """A `GamesPort` to the matches of a fake server; other games do not exist."""

    def __init__(self, *matches: FakeMatch) -> None:
        self.matches = {match.id: match for match in matches}
        self.reachable = True
        self._games: list[FakeGame] = []

    async def warm(self) -> bool:
        """See `GamesPort`."""
        return self.reachable

    def game(self, game_id: GameId) -> "FakeGame":
        """See `GamesPort`."""
        game = FakeGame(self.matches.get(game_id))
        self._games.append(game)
        return game

    async def close(self) -> None:
        """See `GamesPort`."""
        for game in self._games:
            await game.close()


class FakeGame:
    """A `GamePort` to one match; None is an unknown game."""

    def __init__(self, match: FakeMatch | None) -> None:
        self._match = match
        self._stream: FakeStream[GameLine] = FakeStream()
        self._stream.end()
        self._closed = False
        self.posts: list[str] = []
        """The posts so far, as the last part of their paths."""

    def is_current(self) -> bool:
        """See `GamePort`."""
        return self._stream.is_current

    async def lines(self) -> AsyncGenerator[GameLine | None, None]:
        """See `GamePort`."""
        if self._closed:
            raise StreamEnded("The game's port was closed on our side.")
        if self._match is None:
            raise Refused("No such game", HTTPStatus.NOT_FOUND)
        stream = self._stream = self._match.open_stream()
        async with aclosing(stream.lines()) as lines:
            async for line in lines:
                yield line

    async def move(
        self, uci: str, *, offering_draw: bool = False, within: timedelta = POST_LIMIT
    ) -> PostOutcome:
        """See `GamePort`."""
        del within
        try:
            chess.Move.from_uci(uci)
        except ValueError:
            raise InvariantBroken(f"{uci!r} is not a UCI move.") from None
        return self._post(
            f"move/{uci}{'?offeringDraw=true' * offering_draw}",
            lambda match: match.move(uci, offering_draw=offering_draw),
        )

    async def abort(self) -> PostOutcome:
        """See `GamePort`."""
        return self._post("abort", FakeMatch.abort)

    async def resign(self) -> PostOutcome:
        """See `GamePort`."""
        return self._post("resign", FakeMatch.resign)

    async def claim_victory(self) -> PostOutcome:
        """See `GamePort`."""
        return self._post("claim-victory", FakeMatch.claim_victory)

    async def close(self) -> None:
        """See `GamePort`."""
        self._closed = True
        self._stream.close()

    def _post(self, command: str, do: Callable[[FakeMatch], str | None]) -> PostOutcome:
        self.posts.append(command)
        if self._match is None:
            return RefusedPost(why="No such game")
        if self._match.next_outcomes:
            return self._match.next_outcomes.popleft()
        refusal = do(self._match)
        if self._match.lost_answers > 0:
            self._match.lost_answers -= 1
            return Unanswered(why="the answer was lost")
        return Posted() if refusal is None else RefusedPost(why=refusal)
