"""Lichess without a network, for tests of code that uses the ports.

The fakes pass the same contract tests as the real ports. A fake may do less than Lichess (its
clocks stand still), but never something that Lichess cannot.
"""

from collections import deque
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from http import HTTPStatus

import chess

from crabstick.errors import LichessError, Refused
from crabstick.rules.lichess_types import (
    Account,
    Arena,
    Challenge,
    ChallengeEnded,
    ChallengeMade,
    DeclineReason,
    GameFinished,
    GameId,
    GameStarted,
    GameSummary,
    LichessEvent,
    LichessPlayer,
)
from crabstick.rules.matchmaking import Proposal
from tests.fakes.lichess_game import FakeGame, FakeGames
from tests.fakes.lichess_game_server import FakeMatch
from tests.fakes.stream import FakeStream

__all__ = ["FakeGame", "FakeGames", "FakeLichess", "FakeMatch"]

_SCOPES = frozenset({"bot:play", "challenge:read", "challenge:write"})


class FakeLichess:
    """A `LichessPort` with the server's side beside it: `challenged`, `started`, `finished`."""

    def __init__(self, account: Account | None = None, scopes: frozenset[str] = _SCOPES) -> None:
        self.bearer = account or Account(name="crabby", title="BOT")
        self.scopes = scopes
        self.accepted: list[GameId] = []
        self.declined: list[tuple[GameId, DeclineReason]] = []
        self.proposed: dict[GameId, Proposal] = {}
        self.challenge_faults: deque[LichessError] = deque()
        self.arenas: dict[str, Arena] = {}
        self.joined: list[tuple[str, str | None, str | None]] = []
        self.left: list[str] = []
        self.withdrawn: list[GameId] = []
        self.bots: tuple[Account, ...] = ()
        self.busy: set[str] = set()
        self.faults: deque[LichessError] = deque()
        """Raised by the next calls (and openings of the stream), one each."""
        self._challenges: dict[GameId, Challenge] = {}
        self._games: dict[GameId, GameSummary] = {}
        self._stream: FakeStream[LichessEvent] | None = None

    # the server's side

    def challenged(self, challenge: Challenge) -> None:
        """Another player challenges the bot."""
        self._challenges[challenge.id] = challenge
        self.send(ChallengeMade(challenge=challenge))

    def canceled(self, challenge_id: GameId) -> None:
        """The challenger cancels."""
        del self._challenges[challenge_id]
        self.send(ChallengeEnded(id=challenge_id))

    def started(self, game: GameSummary) -> None:
        """A game begins."""
        self._games[game.id] = game
        self.send(GameStarted(game=game))

    def finished(self, game_id: GameId) -> None:
        """A game ends."""
        del self._games[game_id]
        self.send(GameFinished(id=game_id))

    def send(self, event: LichessEvent | None) -> None:
        """Sends an event (None: a keep-alive) to the open stream."""
        if self._stream is not None:
            self._stream.send(event)

    def end_stream(self, how: LichessError | None = None) -> None:
        """Ends the event stream: cleanly, unless another error is given."""
        if self._stream is not None:
            self._stream.end(how)

    # the port

    async def account(self) -> Account:
        """See `LichessPort`."""
        self._raise_next_fault()
        return self.bearer

    async def token_scopes(self) -> frozenset[str]:
        """See `LichessPort`."""
        self._raise_next_fault()
        return self.scopes

    async def playing(self) -> tuple[GameSummary, ...]:
        """See `LichessPort`."""
        self._raise_next_fault()
        return tuple(self._games.values())[:50]

    async def accept(self, challenge_id: GameId) -> None:
        """See `LichessPort`; the game begins at once, and we have White."""
        challenge = self._take_challenge(challenge_id)
        self.accepted.append(challenge_id)
        self.started(
            GameSummary(
                id=challenge_id,
                color=chess.WHITE,
                opponent=challenge.challenger or LichessPlayer(name=""),
                speed=challenge.speed,
                is_my_turn=True,
                time_left=challenge.clock.initial if challenge.clock else None,
            )
        )

    async def decline(self, challenge_id: GameId, reason: DeclineReason) -> None:
        """See `LichessPort`."""
        self._take_challenge(challenge_id)
        self.declined.append((challenge_id, reason))
        self.send(ChallengeEnded(id=challenge_id, reason=reason.lower()))

    async def challenge(self, proposal: Proposal) -> GameId:
        """See `LichessPort`."""
        if self.challenge_faults:
            raise self.challenge_faults.popleft()
        game_id = GameId(f"ours{len(self.proposed):04d}")
        self.proposed[game_id] = proposal
        return game_id

    async def cancel(self, challenge_id: GameId) -> None:
        """See `LichessPort`."""
        self.withdrawn.append(challenge_id)

    async def online_bots(self) -> tuple[Account, ...]:
        """See `LichessPort`."""
        return self.bots

    async def idle(self, names: Collection[str]) -> frozenset[str]:
        """See `LichessPort`."""
        return frozenset(name.lower() for name in names) - self.busy

    async def arena(self, arena_id: str) -> Arena:
        """See `LichessPort`."""
        if arena_id not in self.arenas:
            raise Refused("Not found", HTTPStatus.NOT_FOUND)
        return self.arenas[arena_id]

    async def join_arena(self, arena_id: str, team: str | None, password: str | None) -> None:
        """See `LichessPort`."""
        self._raise_next_fault()
        self.joined.append((arena_id, team, password))

    async def leave_arena(self, arena_id: str) -> None:
        """See `LichessPort`."""
        self.left.append(arena_id)

    async def upgrade_account(self) -> None:
        """See `LichessPort`."""
        self._raise_next_fault()
        if self._games:
            words = "You already have games played. Make a new account."
            raise Refused(words, HTTPStatus.BAD_REQUEST)
        self.bearer = Account(name=self.bearer.name, title="BOT")

    async def events(self) -> AsyncGenerator[LichessEvent | None, None]:
        """See `LichessPort`."""
        self._raise_next_fault()
        self.end_stream()
        stream = self._stream = FakeStream()
        for game in self._games.values():
            stream.send(GameStarted(game=game))
        for challenge in self._challenges.values():
            stream.send(ChallengeMade(challenge=challenge))
        async with aclosing(stream.lines()) as lines:
            async for event in lines:
                yield event

    async def close(self) -> None:
        """See `LichessPort`."""
        if self._stream is not None:
            self._stream.close()

    def _raise_next_fault(self) -> None:
        if self.faults:
            raise self.faults.popleft()

    def _take_challenge(self, challenge_id: GameId) -> Challenge:
        self._raise_next_fault()
        if challenge_id not in self._challenges:
            raise Refused("Not found", HTTPStatus.NOT_FOUND)
        return self._challenges.pop(challenge_id)
