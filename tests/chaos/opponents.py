"""Opponents that keep games going: each challenges the bot again when its game is over."""

import asyncio
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Self

import chess

from crabstick.errors import EnvironmentProblem
from crabstick.sandbox.move_policies import MovePolicy, random_mover
from crabstick.sandbox.opponent import Opponent, OpponentSpec

CLOCK: Final = (timedelta(seconds=120), timedelta(seconds=1))
SPREAD: Final = (0.2, 1.8)
PAUSE_S: Final = 1.0
ANSWER_LIMIT_S: Final = 25.0
"""Lichess shows a challenge for 20 s."""
THINK: Final = timedelta(milliseconds=1500)
HASTE: Final = timedelta(milliseconds=20)
TRIES: Final = 5


class Opponents:
    """Opponents that move at random, so that the bot wins on the board after a while.

    Args:
        url: the server.
        tokens: by player.
        bot: the account that they challenge.
        seed: of their moves.
    """

    def __init__(self, url: str, tokens: Mapping[str, str], bot: str, seed: int) -> None:
        self.think = THINK
        self.finished = 0
        self.is_last = False
        """Whether no new game begins."""
        self._url = url
        self._tokens = tokens
        self._bot = bot
        self._seed = seed
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for number, name in enumerate(self._tokens):
            self._tasks.append(asyncio.create_task(self._play_on(number, name)))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def end(self, limit: timedelta) -> None:
        """Finishes the running games in haste; gives up on games that hang."""
        self.is_last, self.think = True, HASTE
        await asyncio.wait(self._tasks, timeout=limit.total_seconds())

    async def _play_on(self, number: int, name: str) -> None:
        rng = random.Random(f"{self._seed} {number}")
        player = OpponentSpec(
            name=name,
            token=self._tokens[name],
            policy=lambda board: self._pick(board, random_mover(rng)),
            delay=lambda: self.think * rng.uniform(*SPREAD),
        )
        async with Opponent(self._url, player) as opponent:
            while not self.is_last:
                try:
                    await self._play(opponent)
                except EnvironmentProblem:  # declined, or the server is away
                    await asyncio.sleep(PAUSE_S)

    def _pick(self, board: chess.Board, policy: MovePolicy) -> chess.Move:
        """A move without capture or check, if one is found: games should last."""
        for _ in range(0 if self.is_last else TRIES):
            move = policy(board)
            if not board.is_capture(move) and not board.gives_check(move):
                return move
        return policy(board)

    async def _play(self, opponent: Opponent) -> None:
        """Plays one game; gives up a challenge that stays unanswered."""
        game_id = await opponent.challenge(self._bot, CLOCK, "random")
        result = asyncio.ensure_future(opponent.wait_result(game_id))
        await asyncio.wait([result], timeout=ANSWER_LIMIT_S)
        if not result.done() and not opponent.has_begun(game_id):
            result.cancel()
            return
        await result
        self.finished += 1
