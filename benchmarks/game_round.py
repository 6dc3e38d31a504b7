"""One round of games: opponents challenge one after the other, think, and resign in the end."""

import asyncio
import random
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta

import chess

from benchmarks.bot_settings import BOT
from crabstick.errors import EnvironmentProblem
from crabstick.sandbox.move_policies import random_mover
from crabstick.sandbox.opponent import Opponent, OpponentSpec, think_time
from crabstick.sandbox.testing import RunningSandbox

CLOCK = (timedelta(seconds=180), timedelta(seconds=2))
"""No player runs out of time."""
THINK = timedelta(seconds=1)
THINK_SPREAD = 0.4
BLACK_EVERY = 4
"""The bot has black in each fourth game."""
LONGEST_MOVE = timedelta(seconds=3)
SLACK = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """How many games, how long, and how soon after each other the challenges come."""

    games: int
    moves: int
    gap: timedelta

    @property
    def longest(self) -> timedelta:
        """The time after which a round has failed."""
        return self.games * self.gap + (self.moves + 1) * LONGEST_MOVE + SLACK


class _Sparring:
    """One opponent in one game: it moves at random and resigns when it has moved enough."""

    def __init__(self, lichess: RunningSandbox, number: int, moves: int) -> None:
        rng = random.Random(number)  # noqa: S311 -- chess, not secrets
        name = f"sparring{number}"
        self._moves = moves
        self._pick = random_mover(rng)
        self._has_enough = asyncio.Event()
        self.opponent = Opponent(
            lichess.url,
            OpponentSpec(
                name=name,
                token=lichess.token(name),
                policy=self._policy,
                delay=think_time(THINK, THINK_SPREAD, rng),
            ),
        )

    def _policy(self, board: chess.Board) -> chess.Move:
        if board.fullmove_number > self._moves:
            self._has_enough.set()
        return self._pick(board)

    async def play(self, color: str, on_enough: Callable[[], None]) -> str:
        """Plays one game, the opponent having `color`; returns its id."""
        game_id = await self.opponent.challenge(BOT, CLOCK, color)
        result = asyncio.ensure_future(self.opponent.wait_result(game_id))
        enough = asyncio.ensure_future(self._has_enough.wait())
        await asyncio.wait({result, enough}, return_when=asyncio.FIRST_COMPLETED)
        enough.cancel()
        if not result.done():
            on_enough()
            with suppress(EnvironmentProblem):  # the game has just ended
                await self.opponent.resign(game_id)
        await result
        return game_id


def _nothing() -> None:
    """Does nothing."""


async def play_round(
    lichess: RunningSandbox,
    plan: Round,
    *,
    on_all_started: Callable[[], None] = _nothing,
    on_first_end: Callable[[], None] = _nothing,
) -> list[str]:
    """Plays a round and returns the ids of its games.

    Raises:
        EnvironmentProblem: a game did not end in time, or was declined.
    """
    async with AsyncExitStack() as stack:
        sparring = [_Sparring(lichess, number, plan.moves) for number in range(1, plan.games + 1)]
        for one in sparring:
            await stack.enter_async_context(one.opponent)
        once = _Once(on_first_end)
        try:
            async with asyncio.timeout(plan.longest.total_seconds()):
                games = []
                for number, one in enumerate(sparring, 1):
                    color = "white" if number % BLACK_EVERY == 0 else "black"
                    games.append(asyncio.create_task(one.play(color, once)))
                    await asyncio.sleep(plan.gap.total_seconds())
                on_all_started()
                ids = await asyncio.gather(*games)
                once()  # if no opponent had to resign
                return ids
        except TimeoutError:
            raise EnvironmentProblem(f"a round of {plan.games} games did not end") from None


class _Once:
    """Calls something at its first call only."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self._called = False

    def __call__(self) -> None:
        if not self._called:
            self._called = True
            self._act()
