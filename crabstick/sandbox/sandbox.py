"""The sandbox put together: the pure world, its open streams, its faults and its clock."""

import random
import time
from collections.abc import Iterable

from crabstick.sandbox import challenges, claim_win, games
from crabstick.sandbox.accounts import Accounts
from crabstick.sandbox.asgi import StreamReply
from crabstick.sandbox.faults import Faults
from crabstick.sandbox.messages import Outgoing
from crabstick.sandbox.options import Options
from crabstick.sandbox.state import World
from crabstick.sandbox.streams import Hub, Line, Reader

__all__ = ["Sandbox"]


class Sandbox:
    """What the routes work on.

    Args:
        accounts: the players.
        admin_token: what opens the paths under `/sandbox/`.
        options: switches.
        endpoints: the classes of endpoints that faults can name.
    """

    def __init__(
        self, accounts: Accounts, admin_token: str, options: Options, endpoints: Iterable[str]
    ) -> None:
        self.admin_token = admin_token
        self.world = World(accounts, options, random.Random(options.seed))  # noqa: S311  (a game)
        self.hub = Hub(self.world, self.now_ms)
        self.faults = Faults(endpoints)
        self._base_ms = time.time() * 1000 - time.perf_counter() * 1000
        self.started_ms = self.now_ms()

    def now_ms(self) -> float:
        """Tell the Unix time in ms, from a clock that never goes back."""
        return self._base_ms + time.perf_counter() * 1000

    def perform(self, outgoing: Iterable[Outgoing]) -> None:
        """Write what an operation of the world says."""
        self.hub.deliver(outgoing)

    def stream(self, reader: Reader, lines: Iterable[Line]) -> StreamReply:
        """Open a stream as the answer to a call."""
        stream = self.hub.open(reader, lines)
        self.faults.greet(stream, self.now_ms())
        return StreamReply(stream=stream, hub=self.hub, now_ms=self.now_ms)

    def sweep(self) -> None:
        """Look at flags, absent players and old challenges."""
        now_ms = self.now_ms()
        for game in list(self.world.running.values()):
            if game.clock.flagged(now_ms):
                self.perform(games.flag(self.world, game, now_ms))
            else:
                self.perform(claim_win.count_down(self.world, game, now_ms))
        for challenge in self.world.challenges.values():
            if self.hub.is_watched(challenge.id):
                challenge.seen_ms = now_ms
        challenges.expire(self.world, now_ms)

    def tick(self) -> None:
        """Send blank lines where they are due; each also checks the clock of its game."""
        now_ms = self.now_ms()
        for stream in self.hub:
            game = stream.reader.game
            if stream.tick(now_ms) and game is not None and game.clock.flagged(now_ms):
                self.perform(games.flag(self.world, game, now_ms))
