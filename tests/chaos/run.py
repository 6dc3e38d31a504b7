"""A run of the harness on one rig: one fault at a time, each on a healthy bot."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import aiohttp

from crabstick.errors import EnvironmentProblem
from tests.chaos.chaos_cluster import BOT, ChaosCluster
from tests.chaos.health_probe import HTTP_LIMIT, HealthProbe
from tests.chaos.injectors import INJECTORS
from tests.chaos.opponents import Opponents
from tests.chaos.schedule import Injection
from tests.chaos.target import NotNow, NotPossible, Target
from tests.chaos.verdict import Fault, IntendedMove

POLL_S: Final = 0.25
FIRST_LIMIT: Final = timedelta(seconds=300)
"""Until the first games run."""
LAST_LIMIT: Final = timedelta(seconds=120)
"""How long to wait for a late recovery before the run is given up."""
END_LIMIT: Final = timedelta(seconds=180)
TRIES: Final = 5
TRY_AGAIN_S: Final = 1.0
TURNS_UNTIL_AGAIN: Final = 3
"""A fault that cannot be injected in its turn gets one more turn."""


@dataclass(slots=True)
class Story:
    """What happened, on all rigs: the facts behind the verdict."""

    faults: list[Fault] = field(default_factory=list)
    missed: dict[str, str] = field(default_factory=dict)
    """Kinds, and why."""
    impossible: dict[str, str] = field(default_factory=dict)
    """Kinds that this machine does not allow, and why."""
    ledger: dict[str, list[Any]] = field(default_factory=lambda: {"games": [], "challenges": []})
    intended: list[IntendedMove] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    """Everything else that the bot has logged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The schedule of one run, and its limits."""

    cluster: ChaosCluster
    injections: Sequence[Injection]
    max_faults: int
    """The run ends after that many faults, even if the schedule has more."""
    games: int
    """The least number of finished games."""
    seed: int
    limit: timedelta
    print_line: Callable[[str], None]

    async def play(self, story: Story) -> None:
        """Injects everything, and adds to the story.

        When the bot does not become healthy, the rest of the schedule is missed.
        """
        opponents = Opponents(self.cluster.lichess.url, self.cluster.opponents, BOT, self.seed)
        async with aiohttp.ClientSession(timeout=HTTP_LIMIT) as http, opponents:
            health = HealthProbe(self.cluster, http)
            try:
                await self._inject_all(health, story)
            except EnvironmentProblem as problem:
                story.missed["the rest"] = str(problem)
            until_s = time.monotonic() + self.limit.total_seconds()
            while opponents.finished < self.games and time.monotonic() < until_s:
                opponents.think = timedelta(milliseconds=50)
                await asyncio.sleep(POLL_S)
            await opponents.end(END_LIMIT)
        ledger = await asyncio.to_thread(self.cluster.lichess.ledger)
        for part in story.ledger:
            story.ledger[part] += ledger[part]
        await asyncio.to_thread(self.cluster.logs.read)
        story.intended += self.cluster.logs.intended
        story.events += self.cluster.logs.events

    async def _wait_ready(self, health: HealthProbe) -> None:
        """Waits until all games run and all is well."""
        until_s = time.monotonic() + FIRST_LIMIT.total_seconds()
        games, problem = 0, ""
        while time.monotonic() < until_s:
            games = len(await health.running())
            if games >= len(self.cluster.opponents) - 1 and not (problem := await health.problem()):
                return
            await asyncio.sleep(POLL_S)
        raise EnvironmentProblem(f"the bot is not well, with {games} games: {problem}")

    async def _inject_all(self, health: HealthProbe, story: Story) -> None:
        began_s, before = time.monotonic(), len(story.faults)
        left = deque(self.injections)
        while left and len(story.faults) - before < self.max_faults:
            if time.monotonic() - began_s > self.limit.total_seconds():
                self.print_line(f"the time is up: {len(left)} faults are left out")
                return
            injection = left.popleft()
            kind = injection.kind.name
            if kind in story.impossible:
                continue
            await asyncio.sleep(injection.kind.calm_s + injection.pause_s)
            await self._wait_ready(health)
            await asyncio.to_thread(self.cluster.logs.read)  # a new Ray sweeps the logs of old ones
            try:
                fault = await self._inject(health, injection)
            except NotNow as why:
                if kind not in story.missed:
                    left.insert(TURNS_UNTIL_AGAIN, injection)
                story.missed[kind] = str(why)
                self.print_line(f"{injection.number}: {kind}: not injected: {why}")
            except NotPossible as why:
                story.impossible[kind] = str(why)
            else:
                story.faults.append(fault)
                await self._wait_recovered(health, fault)

    async def _inject(self, health: HealthProbe, injection: Injection) -> Fault:
        target = Target(cluster=self.cluster, health=health, injection=injection)
        for _ in range(TRIES - 1):
            try:
                return await self._inject_once(health, target)
            except NotNow:
                await asyncio.sleep(TRY_AGAIN_S)
        return await self._inject_once(health, target)

    async def _inject_once(self, health: HealthProbe, target: Target) -> Fault:
        injection = target.injection
        before = [game.id for game in await health.running()]
        began_ms = time.time() * 1000
        game = await INJECTORS[injection.kind.name](target)
        over_ms = time.time() * 1000
        limit_s = injection.kind.recovery.total_seconds()
        seen, is_well = await self._recovers(health, limit_s)
        recovered_ms = time.time() * 1000
        self.print_line(
            f"{injection.number}: {injection.kind.name} ({game or 'all'}): "
            f"{(over_ms - began_ms) / 1000:.1f} s, {'well' if is_well else 'NOT WELL'} "
            f"{(recovered_ms - over_ms) / 1000:.1f} s later; {'; '.join(seen)}"
        )
        return Fault(
            number=injection.number,
            kind=injection.kind.name,
            began_ms=began_ms,
            recovered_ms=recovered_ms if is_well else None,
            games=(game,) if game else tuple(before),
            blocks_events=injection.kind.blocks_events,
            problem="" if is_well else seen[-1],
        )

    async def _recovers(self, health: HealthProbe, limit_s: float) -> tuple[list[str], bool]:
        """Waits until the bot is healthy; returns the problems seen, and whether it was in time."""
        until_s = time.monotonic() + limit_s
        await health.expect_moves()
        seen: list[str] = []
        while problem := await health.problem():
            if problem not in seen:
                seen.append(problem)
            if time.monotonic() > until_s:
                return seen, False
            await asyncio.sleep(POLL_S)
        return seen, True

    async def _wait_recovered(self, health: HealthProbe, fault: Fault) -> None:
        if fault.recovered_ms is None:
            seen, is_well = await self._recovers(health, LAST_LIMIT.total_seconds())
            if not is_well:
                raise EnvironmentProblem(f"after {fault.kind} nothing is well again: {seen[-1]}")
