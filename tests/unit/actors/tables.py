"""A game on a fake Lichess, with everything that a Player needs around it."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from datetime import timedelta

import chess

from crabstick.game.context import PlaySettings
from crabstick.game.game_telemetry import GameTelemetry
from crabstick.game.lease import Lease
from crabstick.game.player import Player
from crabstick.game.rate_limits import RateLimits
from crabstick.lichess.interface import POST_LIMIT
from crabstick.rules.clock import EngineLimits
from crabstick.rules.game_events import Finish, Leave
from crabstick.rules.model import GameLine, PostOutcome
from engine.spec import SearchRequest, SearchResult
from tests.builders import seconds
from tests.fakes.engine import ScriptedEngine, Step
from tests.fakes.lichess import FakeGame, FakeMatch
from tests.unit.virtual_time import until, virtual_loop

__all__ = ["Meddler", "Table", "WatchedGame", "a_table"]

ABORT_AFTER = seconds(30)


class WatchedGame(FakeGame):
    """Notes of each move whether it was right to send it, and of each opening when it was."""

    def __init__(self, match: FakeMatch | None) -> None:
        super().__init__(match)
        self.sent: list[tuple[str, bool]] = []
        """The move, and whether the stream was current when it was sent."""
        self.sent_s: list[float] = []
        self.opened_s: list[float] = []
        self.refusing: deque[Exception] = deque()
        """Raised by the next openings of the stream, one each."""
        self.is_closed = False
        self.on_move: Callable[[], object] | None = None
        """What happens at the very moment of a move's answer."""

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


class Meddler(ScriptedEngine):
    """An engine in whose last moment something happens: `meddle`, once."""

    def __init__(self, steps: Iterable[Step], meddle: Callable[[], object]) -> None:
        super().__init__(steps)
        self._meddle: Callable[[], object] | None = meddle

    async def search(self, request: SearchRequest) -> SearchResult:
        result = await super().search(request)
        if self._meddle is not None:
            self._meddle()
            self._meddle = None
        return result


class Table:
    """One Player at one match; `answers` are the WorkerSet's, the last for ever."""

    def __init__(
        self, match: FakeMatch, engine: ScriptedEngine, answers: Iterable[bool | None]
    ) -> None:
        self.match = match
        self.engine = engine
        self.link = WatchedGame(match)
        self.answers = deque(answers)
        self.asked_s: list[float] = []
        self.told_s: list[float] = []
        """When a limit was reported."""
        self.board = RateLimits(
            virtual_loop().time, tell=lambda: self.told_s.append(virtual_loop().time())
        )
        self.telemetry = GameTelemetry(actor="engine:a", game=match.id, epoch=1, board=self.board)
        terms = PlaySettings(
            bot="crabby",
            limits=EngineLimits(),
            overhead=timedelta(milliseconds=300),
            abort_after=ABORT_AFTER,
            draw=lambda: 0.5,
        )
        lease = Lease(self._ask, virtual_loop().time)
        self.player = Player(self.link, engine, lease, terms, self.telemetry)
        self.task: asyncio.Task[Finish | Leave] | None = None

    async def _ask(self) -> bool | None:
        self.asked_s.append(virtual_loop().time())
        return self.answers.popleft() if len(self.answers) > 1 else self.answers[0]

    def sit_down(self) -> None:
        self.task = asyncio.create_task(self.player.play())

    async def finish(self) -> Finish:
        """How the game ended for our player."""
        end = await self.end()
        assert isinstance(end, Finish)
        return end

    async def end(self) -> Finish | Leave:
        """How our player ended its part in the game."""
        if self.task is None:
            self.sit_down()
        assert self.task is not None
        async with asyncio.timeout(3600):
            return await self.task

    async def until_sent(self, count: int = 1) -> None:
        """Returns when so many moves were sent."""
        if self.task is None:
            self.sit_down()
        await until(lambda: len(self.link.sent) >= count)

    async def until_opened(self, count: int) -> None:
        """Returns when so many connections were opened."""
        if self.task is None:
            self.sit_down()
        await until(lambda: len(self.link.opened_s) >= count)

    async def leave(self) -> None:
        """Stops in the midst of the game, as a killed process would."""
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait([self.task])

    async def at_rest(self, for_s: float = 3) -> None:
        """Lets so much time pass."""
        if self.task is None:
            self.sit_down()
        await asyncio.sleep(for_s)

    def tell(self, line: GameLine | None) -> None:
        self.match.send(line)


def a_table(
    *steps: Step,
    color: chess.Color = chess.WHITE,
    answers: Iterable[bool | None] = (True,),
    moves: str = "",
    meddle: Callable[[FakeMatch], object] | None = None,
) -> Table:
    """Our side at a match after `moves`; `meddle` happens in the first search's last moment."""
    match = FakeMatch(our_color=color)
    for ply, uci in enumerate(moves.split()):
        if (ply % 2 == 0) == (color == chess.WHITE):
            match.move(uci)
        else:
            match.opponent_plays(uci)
    engine = Meddler(steps, lambda: meddle(match)) if meddle else ScriptedEngine(steps)
    return Table(match, engine, answers)
