"""A game on a fake Lichess, with all that a Player needs."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import Any

import chess

from crabstick.game.context import GameContext, Lease, PlaySettings
from crabstick.game.game_telemetry import GameTelemetry
from crabstick.game.move_sources import MoveSources
from crabstick.game.player import Player
from crabstick.game.rate_limits import RateLimits
from crabstick.lichess.interface import POST_LIMIT
from crabstick.rules.game_events import Finish, HandOver
from crabstick.rules.lichess_types import GameLine, PostOutcome
from crabstick.rules.time_management import EngineLimits
from engine.interface import SearchRequest, SearchResult
from tests.builders import seconds
from tests.fakes.engine import ScriptedEngine, Step
from tests.fakes.lichess import FakeGame, FakeMatch
from tests.unit.virtual_time import until, virtual_loop

ABORT_AFTER = seconds(30)


class RecordingLink(FakeGame):
    """Records each move that is sent, and when the stream is opened."""

    def __init__(self, match: FakeMatch | None) -> None:
        super().__init__(match)
        self.sent: list[tuple[str, bool]] = []
        """The move, and whether the stream was current when it was sent."""
        self.sent_s: list[float] = []
        self.opened_s: list[float] = []
        self.refusing: deque[Exception] = deque()
        """Errors for the next openings of the stream, one each."""
        self.is_closed = False
        self.on_move: Callable[[], object] | None = None
        """Called when a move is answered."""

    async def lines(self) -> AsyncGenerator[GameLine | None, None]:
        self.opened_s.append(virtual_loop().time())
        if self.refusing:
            raise self.refusing.popleft()
        async for line in super().lines():
            yield line

    async def move(
        self, uci: str, *, offering_draw: bool = False, within: timedelta = POST_LIMIT
    ) -> PostOutcome:
        self.sent.append((uci, self.is_current()))
        self.sent_s.append(virtual_loop().time())
        outcome = await super().move(uci, offering_draw=offering_draw, within=within)
        if self.on_move is not None:
            self.on_move()
        return outcome

    async def close(self) -> None:
        self.is_closed = True
        await super().close()


class InterferingEngine(ScriptedEngine):
    """An engine that calls `interfere` at the end of its first search."""

    def __init__(self, steps: Iterable[Step], interfere: Callable[[], object]) -> None:
        super().__init__(steps)
        self._interfere: Callable[[], object] | None = interfere

    async def search(self, request: SearchRequest) -> SearchResult:
        result = await super().search(request)
        if self._interfere is not None:
            self._interfere()
            self._interfere = None
        return result


class PlayedGame:
    """One Player in one match; `answers` are the WorkerSet's, the last one for ever."""

    def __init__(
        self,
        match: FakeMatch,
        engine: ScriptedEngine,
        answers: Iterable[bool | None] = (True,),
        sources: MoveSources | None = None,
        **changes: Any,
    ) -> None:
        self.match = match
        self.engine = engine
        self.link = RecordingLink(match)
        self.answers = deque(answers)
        self.asked_s: list[float] = []
        self.reported_s: list[float] = []
        """When limits were shared."""
        self.rate_limits = RateLimits(
            virtual_loop().time, on_hit=lambda: self.reported_s.append(virtual_loop().time())
        )
        self.telemetry = GameTelemetry(game=match.id)
        settings = PlaySettings(
            bot="crabby",
            limits=EngineLimits(),
            overhead=timedelta(milliseconds=300),
            abort_after=ABORT_AFTER,
            draw=lambda: 0.5,
            **changes,
        )
        lease = Lease(self._ask, virtual_loop().time)
        context = GameContext(self.link, lease, settings, self.rate_limits, self.telemetry)
        self.player = Player(context, engine, sources)
        self.task: asyncio.Task[Finish | HandOver] | None = None

    async def _ask(self) -> bool | None:
        self.asked_s.append(virtual_loop().time())
        return self.answers.popleft() if len(self.answers) > 1 else self.answers[0]

    def start(self) -> None:
        self.task = asyncio.create_task(self.player.play())

    async def finish(self) -> Finish:
        """The game's end, which our player played to."""
        end = await self.end()
        assert isinstance(end, Finish)
        return end

    async def end(self) -> Finish | HandOver:
        """What `Player.play` returns."""
        if self.task is None:
            self.start()
        assert self.task is not None
        async with asyncio.timeout(3600):
            return await self.task

    async def until_sent(self, count: int = 1) -> None:
        """Returns after so many moves."""
        if self.task is None:
            self.start()
        await until(lambda: len(self.link.sent) >= count)

    async def until_opened(self, count: int) -> None:
        """Returns after so many connections."""
        if self.task is None:
            self.start()
        await until(lambda: len(self.link.opened_s) >= count)

    async def kill(self) -> None:
        """Stops in mid-game, as a killed process does."""
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait([self.task])

    async def pass_time(self, for_s: float = 3) -> None:
        """Lets so much time pass."""
        if self.task is None:
            self.start()
        await asyncio.sleep(for_s)

    def send(self, line: GameLine | None) -> None:
        self.match.send(line)


def a_game(
    *steps: Step,
    color: chess.Color = chess.WHITE,
    answers: Iterable[bool | None] = (True,),
    moves: str = "",
    interfere: Callable[[FakeMatch], object] | None = None,
) -> PlayedGame:
    """Our side of a match after `moves`; `interfere` is called at the end of the first search."""
    match = FakeMatch(our_color=color)
    for ply, uci in enumerate(moves.split()):
        if (ply % 2 == 0) == (color == chess.WHITE):
            match.move(uci)
        else:
            match.opponent_plays(uci)
    if interfere is None:
        return PlayedGame(match, ScriptedEngine(steps), answers)
    engine = InterferingEngine(steps, partial(interfere, match))
    return PlayedGame(match, engine, answers)
