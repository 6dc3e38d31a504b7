"""A scripted actor for a watchdog."""

import asyncio
from datetime import timedelta

from actors.cluster import ActorAway, ActorFailed, ActorGone, ActorSilent
from actors.watchdog import WatchedActor
from tests.unit.virtual_time import virtual_loop


class FakeWatchedActor(WatchedActor):
    """Answers at once, unless a test changes that."""

    def __init__(self) -> None:
        super().__init__("scripted", "tests")
        self.takes_s = 0.0
        """How long an answer takes; infinity while it hangs."""
        self.trouble: ActorAway | ActorGone | ActorFailed | None = None
        self.gcs_is_away = False
        self.restarted_s: list[float] = []

    async def ping(self, patience: timedelta) -> None:
        if self.trouble is not None:
            raise self.trouble
        if self.takes_s > patience.total_seconds():
            await asyncio.sleep(patience.total_seconds())
            raise ActorSilent("no answer")
        await asyncio.sleep(self.takes_s)

    async def restart(self) -> None:
        if self.gcs_is_away:
            raise ActorSilent("Ray's GCS does not answer")
        self.restarted_s.append(virtual_loop().time())
