"""One run of the harness: a fault at a time, each when all was well, and the verdict at the end."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, Final

import aiohttp

from crabstick.errors import EnvironmentProblem
from tests.chaos.arena import BOT, Arena
from tests.chaos.health import ASK_LIMIT, Doctor
from tests.chaos.injuries import INJURIES
from tests.chaos.rivals import Rivals
from tests.chaos.scene import NotNow, NotPossible, Scene
from tests.chaos.schedule import Injection
from tests.chaos.verdict import Fault, Verdict, judge

__all__ = ["Run", "Story"]

LOOK_S: Final = 0.25
WELL_FIRST: Final = timedelta(seconds=300)
"""Until the first games run."""
STILL_SICK: Final = timedelta(seconds=120)
"""How much longer than it may take a recovery is waited for, before the run is given up."""
END_LIMIT: Final = timedelta(seconds=180)
TRIES: Final = 5
TRY_AGAIN_S: Final = 1.0


@dataclass(slots=True)
class Story:
    """What was injected, and what could not be."""

    faults: list[Fault] = field(default_factory=list)
    missed: dict[str, str] = field(default_factory=dict)
    """Kinds, and why."""
    impossible: dict[str, str] = field(default_factory=dict)
    """The same, of what this machine does not allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How long it goes on, and who is told."""

    arena: Arena
    injections: Sequence[Injection]
    most: int
    """Of these, when some cannot be injected at their time."""
    games: int
    """That are over at the end, at least."""
    seed: int
    limit: timedelta
    say: Callable[[str], None]

    async def play(self) -> tuple[Story, Verdict, dict[str, Any]]:
        """Injects everything and judges; tells also what the verdict is made from.

        When the bot was never well, or not again, the rest is missed.
        """
        story = Story()
        rivals = Rivals(self.arena.lichess.url, self.arena.rivals, BOT, self.seed)
        async with aiohttp.ClientSession(timeout=ASK_LIMIT) as http, rivals:
            doctor = Doctor(self.arena, http)
            try:
                await self._injure(doctor, story)
            except EnvironmentProblem as problem:
                story.missed["the rest"] = str(problem)
            until_s = time.monotonic() + self.limit.total_seconds()
            while rivals.finished < self.games and time.monotonic() < until_s:
                rivals.think = timedelta(milliseconds=50)
                await asyncio.sleep(LOOK_S)
            await rivals.end(END_LIMIT)
        ledger = await asyncio.to_thread(self.arena.lichess.ledger)
        await asyncio.to_thread(self.arena.logs.read)
        logs = self.arena.logs
        record = {
            "faults": [asdict(fault) for fault in story.faults],
            "meant": [asdict(one) for one in logs.meant],
            "events": logs.events,
            "ledger": ledger,
        }
        return story, judge(ledger, logs.meant, story.faults, BOT), record

    async def _until_busy(self, doctor: Doctor) -> None:
        """Waits until all games run and all is well."""
        until_s = time.monotonic() + WELL_FIRST.total_seconds()
        games, trouble = 0, ""
        while time.monotonic() < until_s:
            games = len(await doctor.running())
            if games >= len(self.arena.rivals) - 1 and not (trouble := await doctor.troubles()):
                return
            await asyncio.sleep(LOOK_S)
        raise EnvironmentProblem(f"the bot is not well, with {games} games: {trouble}")

    async def _injure(self, doctor: Doctor, story: Story) -> None:
        began_s = time.monotonic()
        for injection in self.injections:
            if len(story.faults) == self.most:
                return
            if time.monotonic() - began_s > self.limit.total_seconds():
                left = len(self.injections) - injection.number + 1
                self.say(f"the time is up: {left} faults are left out")
                return
            kind = injection.kind.name
            if kind in story.impossible:
                continue
            await asyncio.sleep(injection.pause_s)
            await self._until_busy(doctor)
            try:
                fault = await self._one(doctor, injection)
            except NotNow as why:
                story.missed[kind] = str(why)
                self.say(f"{injection.number}: {kind}: not injected: {why}")
            except NotPossible as why:
                story.impossible[kind] = str(why)
            else:
                story.faults.append(fault)
                await self._until_well(doctor, fault)

    async def _one(self, doctor: Doctor, injection: Injection) -> Fault:
        scene = Scene(arena=self.arena, doctor=doctor, injection=injection)
        for _ in range(TRIES - 1):
            try:
                return await self._strike(doctor, scene)
            except NotNow:
                await asyncio.sleep(TRY_AGAIN_S)
        return await self._strike(doctor, scene)

    async def _strike(self, doctor: Doctor, scene: Scene) -> Fault:
        injection = scene.injection
        before = [game.id for game in await doctor.running()]
        began_ms = time.time() * 1000
        game = await INJURIES[injection.kind.name](scene)
        over_ms = time.time() * 1000
        limit_s = injection.kind.recovery.total_seconds()
        seen, is_well = await self._recovers(doctor, limit_s)
        recovered_ms = time.time() * 1000
        self.say(
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
            deafens=injection.kind.deafens,
            trouble="" if is_well else seen[-1],
        )

    async def _recovers(self, doctor: Doctor, limit_s: float) -> tuple[list[str], bool]:
        """Waits until all is well; tells what was not, and whether it is before the time is up."""
        until_s = time.monotonic() + limit_s
        await doctor.expect_moves()
        seen: list[str] = []
        while trouble := await doctor.troubles():
            if trouble not in seen:
                seen.append(trouble)
            if time.monotonic() > until_s:
                return seen, False
            await asyncio.sleep(LOOK_S)
        return seen, True

    async def _until_well(self, doctor: Doctor, fault: Fault) -> None:
        if fault.recovered_ms is None:
            seen, is_well = await self._recovers(doctor, STILL_SICK.total_seconds())
            if not is_well:
                raise EnvironmentProblem(f"after {fault.kind} nothing is well again: {seen[-1]}")
