"""The bot's own challenges, through a day of virtual time."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chess
import pytest

from crabstick.errors import RateLimited
from crabstick.rules.lichess_types import (
    BOT_GAMES_KEY,
    Account,
    ChallengeEnded,
    GameId,
    LichessPlayer,
)
from crabstick.rules.matchmaking import DAY_S
from tests.builders import seconds
from tests.unit.actors.test_event_listener import ListenerRig, a_game, by_alice
from tests.unit.virtual_time import until, virtual_loop

EPOCH_S = 1e9
ROBOTS = tuple(
    Account(name=f"Robot{number}", title="BOT", ratings={"blitz": 2000 + number})
    for number in range(40)
)


@pytest.fixture(autouse=True)
def _own_memory(tmp_path: Path) -> Iterator[None]:
    before = os.environ["XDG_STATE_HOME"]
    os.environ["XDG_STATE_HOME"] = str(tmp_path)
    yield
    os.environ["XDG_STATE_HOME"] = before


class MatchRig(ListenerRig):
    """A listener whose matchmaking is on, in virtual time; `behave` says how opponents answer."""

    def __init__(self, matchmaking: dict[str, Any] | None = None, **options: Any) -> None:
        self.behavior = "accept"
        self.answered = 0
        settings = {"enabled": True, "delay_s": 60, "max_games": 4, **(matchmaking or {})}
        super().__init__(matchmaking=settings, **options)
        self.lichess.bots = ROBOTS

    def start(self) -> None:
        super().start()
        self.listener._matchmaker._now = lambda: virtual_loop().time() + EPOCH_S

    async def serve(self) -> None:
        """Answers one open challenge of the bot, if there is one."""
        for game_id in list(self.lichess.proposed)[self.answered :]:
            self.answered += 1
            if self.behavior == "accept":
                robot = LichessPlayer(name=self.lichess.proposed[game_id].opponent, title="BOT")
                self.lichess.started(a_game(game_id, opponent=robot))
                await asyncio.sleep(100)
                self.lichess.finished(game_id)
            elif self.behavior:
                self.lichess.send(ChallengeEnded(id=game_id, reason=self.behavior))

    async def live(self, for_s: float) -> None:
        """Lets the opponents answer for a time."""
        end_s = virtual_loop().time() + for_s
        while virtual_loop().time() < end_s:
            await self.serve()
            await asyncio.sleep(10)

    def asked(self) -> list[str]:
        return [proposal.opponent for proposal in self.lichess.proposed.values()]


async def test_a_day_has_as_many_games_as_lichess_allows_and_no_more() -> None:
    rig = MatchRig()
    await rig.live(DAY_S)
    assert 75 <= len(rig.lichess.proposed) <= 80
    halves = [proposal.color for proposal in rig.lichess.proposed.values()]
    assert abs(halves.count(chess.WHITE) - halves.count(chess.BLACK)) <= 1


async def test_nobody_is_asked_twice_within_their_pause_also_after_restarts() -> None:
    rig = MatchRig()
    rig.behavior = "tooslow"
    for _ in range(3):
        await rig.live(DAY_S / 4)
        rig.crash()
        rig.start()
    assert len(rig.asked()) >= 20
    assert len(set(rig.asked())) == len(rig.asked())


async def test_a_challenge_that_nobody_answers_is_withdrawn() -> None:
    rig = MatchRig()
    rig.behavior = ""
    await until(lambda: rig.lichess.proposed)
    await asyncio.sleep(30)
    assert rig.lichess.withdrawn == list(rig.lichess.proposed)


async def test_a_person_gets_the_place_that_an_open_challenge_holds() -> None:
    rig = MatchRig(challenges={"max_games": 1})
    rig.behavior = ""
    await until(lambda: rig.lichess.proposed)
    rig.lichess.challenged(by_alice(1))
    await until(lambda: rig.answers() == 1)
    assert rig.lichess.accepted == ["game0001"]
    assert rig.lichess.withdrawn == list(rig.lichess.proposed)


async def test_the_places_for_humans_are_not_touched() -> None:
    rig = MatchRig(challenges={"max_games": 2, "reserved_for_humans": 2})
    await rig.live(DAY_S / 8)
    assert not rig.lichess.proposed
    assert "the places for it in challenges.max_games are taken" in await rig.order(
        "matchmaking", action="status"
    )


@pytest.mark.parametrize(("name", "reason"), [("blocked", "later"), ("busy", "later")])
async def test_only_those_are_asked_who_may_be(name: str, reason: str) -> None:
    welcome = ROBOTS[7].name
    rig = MatchRig(
        challenges={"block_list": [bot.name for bot in ROBOTS if bot.name != welcome]}
        if name == "blocked"
        else {}
    )
    if name == "busy":
        rig.lichess.busy = {bot.name.lower() for bot in ROBOTS if bot.name != welcome}
    rig.behavior = reason
    await rig.live(DAY_S / 8)
    assert set(rig.asked()) == {welcome}


@pytest.mark.parametrize(
    ("limit", "quiet_s"),
    [
        (RateLimited("slowly"), 3 * 3600),
        (RateLimited("You played 100 games", seconds(20_000), BOT_GAMES_KEY), 20_000),
    ],
)
async def test_a_limit_stops_our_challenges_for_hours_and_nothing_else(
    limit: RateLimited, quiet_s: float
) -> None:
    rig = MatchRig()
    rig.lichess.challenge_faults.append(limit)
    await until(lambda: not rig.lichess.challenge_faults)
    await rig.live(quiet_s - 60)
    assert not rig.lichess.proposed
    rig.lichess.challenged(by_alice(1))
    await until(lambda: rig.lichess.accepted)


async def test_the_owner_starts_stops_and_challenges_by_hand() -> None:
    rig = MatchRig({"enabled": False})
    await rig.live(3600)
    assert not rig.lichess.proposed
    assert (await rig.order("matchmaking", action="start")).startswith("matchmaking is on")
    await until(lambda: rig.lichess.proposed)
    await rig.order("matchmaking", action="stop")
    asking = asyncio.ensure_future(
        rig.order("challenge", name="Bob", clock="5+3", variant="atomic", rated=False, color=None)
    )
    await until(lambda: "Bob" in rig.asked())
    rig.lichess.send(
        ChallengeEnded(id=GameId(f"ours{rig.asked().index('Bob'):04d}"), reason="later")
    )
    assert await asking == "Bob declined (later)"
    wrong = await rig.order("challenge", name="Bob", clock="5", variant="standard", rated=False)
    assert "must be minutes + seconds" in wrong
