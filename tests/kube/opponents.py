"""Opponents of the bot whose games last as long as a test wants."""

import asyncio
import random
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

import chess

from crabstick.sandbox.move_policies import random_mover
from crabstick.sandbox.opponent import Opponent, OpponentSpec, Result
from crabstick.sandbox.testing import RunningSandbox
from tests.kube.lichess import BOT, BOTS, HUMANS

CLOCK: Final = (timedelta(seconds=900), timedelta(seconds=10))
THINK: Final = timedelta(seconds=20)
"""The bot mates them in some fifteen moves, and that shall take longer than a story."""
FIRST_THINK: Final = timedelta(seconds=2)
"""Lichess aborts a game without a first move."""
HASTE: Final = timedelta(milliseconds=20)
TRIES: Final = 5
POLL_S: Final = 0.1


@dataclass(slots=True)
class _Paced:
    opponent: Opponent
    pace: timedelta = THINK
    has_moved: bool = False

    def think(self, rng: random.Random) -> timedelta:
        pace = self.pace if self.has_moved else min(self.pace, FIRST_THINK)
        self.has_moved = True
        return pace * rng.uniform(0.5, 1.5)


class Opponents:
    """Each plays one slow and harmless game at a time, until `finish`.

    Args:
        sandbox: their Lichess.
    """

    def __init__(self, sandbox: RunningSandbox) -> None:
        self._sandbox = sandbox
        self._stack = AsyncExitStack()
        self._by_game: dict[str, _Paced] = {}
        """By the game that they play."""
        self._names = {"bot": iter(BOTS), "human": iter(HUMANS)}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def challenge(self, kind: str = "bot") -> str:
        """A new one, bot or human, challenges; returns the game's id when the game has begun.

        A human of Lichess plays in a browser, which the sandbox has not: its account becomes that
        of a bot as soon as the bot has accepted its challenge.

        Raises:
            ChallengeDeclined: the bot does not want to.
        """
        name = next(self._names[kind])
        paced = await self._new_opponent(name)
        game_id = await paced.opponent.challenge(BOT, CLOCK, "white")
        self._by_game[game_id] = paced
        over = asyncio.ensure_future(paced.opponent.wait_result(game_id))
        while not paced.opponent.has_begun(game_id):
            await asyncio.wait([over], timeout=POLL_S)
            if over.done():
                over.result()
        if kind == "human":
            self._sandbox.accounts.upgrade(name)
        return game_id

    async def finish(self, *games: str) -> list[Result]:
        """Plays these games to their ends, in haste."""
        for game_id in games:
            self._by_game[game_id].pace = HASTE
        return [await self._by_game[game_id].opponent.wait_result(game_id) for game_id in games]

    async def resign(self, game_id: str) -> Result:
        """Its paced gives the game up."""
        opponent = self._by_game[game_id].opponent
        await opponent.resign(game_id)
        return await opponent.wait_result(game_id)

    async def _new_opponent(self, name: str) -> _Paced:
        rng = random.Random(name)
        paced: _Paced

        def policy(board: chess.Board) -> chess.Move:
            return _pick(board, rng, is_hasty=paced.pace is HASTE)

        player = OpponentSpec(
            name=name,
            token=self._sandbox.token(name),
            policy=policy,
            delay=lambda: paced.think(rng),
        )
        paced = _Paced(Opponent(self._sandbox.url, player))
        await self._stack.enter_async_context(paced.opponent)
        return paced


def _pick(board: chess.Board, rng: random.Random, *, is_hasty: bool) -> chess.Move:
    """A move that takes nothing and ends nothing, if there is one: games shall last."""
    policy = random_mover(rng)
    for _ in range(0 if is_hasty else TRIES):
        move = policy(board)
        if not board.is_capture(move) and not board.gives_check(move):
            return move
    return policy(board)
