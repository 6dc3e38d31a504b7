"""A whole sandbox: the world, its open streams, its faults and its clock."""

import random
import time
from collections.abc import Iterable

from crabstick.sandbox import challenges, games, opponent_gone
from crabstick.sandbox.accounts import Accounts
from crabstick.sandbox.asgi import StreamReply
from crabstick.sandbox.faults import Faults
from crabstick.sandbox.options import Options
from crabstick.sandbox.state import World
from crabstick.sandbox.streams import Hub, Reader


class Sandbox:
    """The state behind the routes; faults can use the endpoints of these names."""

    def __init__(
        self, accounts: Accounts, admin_token: str, options: Options, endpoints: Iterable[str]
    ) -> None:
        self.admin_token = admin_token
        self.world = World(accounts, options, random.Random(options.seed))  # noqa: S311  (a game)
        self.hub = Hub(self.world, self.now_ms)
        self.faults = Faults(endpoints)
        self._base_ms = time.time() * 1000 - time.perf_counter() * 1000
        self.world.started_ms = self.now_ms()

    def now_ms(self) -> float:
        """Unix time in ms, from a clock that never goes back."""
        return self._base_ms + time.perf_counter() * 1000

    def stream(self, reader: Reader, lines: Iterable[bytes], ply: int = -1) -> StreamReply:
        """Opens a stream as the reply to a call."""
        stream = self.hub.open(reader, lines, ply)
        self.faults.apply_to_new(stream, self.now_ms())
        return StreamReply(stream=stream, hub=self.hub)

    def sweep(self) -> None:
        """Checks flags, absent players and old challenges."""
        now_ms = self.now_ms()
        for game in list(self.world.running.values()):
            if game.clock.flagged(now_ms):
                self.hub.deliver(games.flag(self.world, game, now_ms))
            else:
                self.hub.deliver(opponent_gone.count_down(self.world, game, now_ms))
        challenges.expire(self.world, self.hub.is_watched, now_ms)

    def tick(self) -> None:
        """Sends empty lines where due, and then also checks the clock of the game."""
        now_ms = self.now_ms()
        for stream in self.hub:
            game = stream.reader.game
            if stream.tick(now_ms) and game is not None and game.clock.flagged(now_ms):
                self.hub.deliver(games.flag(self.world, game, now_ms))
