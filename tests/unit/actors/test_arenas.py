"""Arenas are joined by order, asked for games, and left at their end, also after a restart."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crabstick.rules.lichess_types import Arena, GameId
from tests.builders import seconds
from tests.unit.actors.test_event_listener import ListenerRig, a_game, a_listening_rig, to_us
from tests.unit.virtual_time import until

CUP = Arena(id="cup12345", name="Bot Cup", starts_in=seconds(300), is_over=False, bots_allowed=True)
SCOPES = frozenset({"bot:play", "tournament:write"})


@pytest.fixture(autouse=True)
def _own_memory(tmp_path: Path) -> Iterator[None]:
    before = os.environ["XDG_STATE_HOME"]
    os.environ["XDG_STATE_HOME"] = str(tmp_path)
    yield
    os.environ["XDG_STATE_HOME"] = before


async def a_rig(**options: Any) -> ListenerRig:
    rig = await a_listening_rig(**options)
    rig.lichess.arenas[CUP.id] = CUP
    rig.lichess.scopes = SCOPES
    return rig


async def join(rig: ListenerRig, **words: str) -> str:
    return await rig.order("tournament", action="join", id=CUP.id, **words)


async def test_a_tournament_is_joined_and_asked_for_games_until_it_is_over(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret\n")
    rig = await a_rig()
    answer = await join(rig, team="us", password_file=str(password))
    assert answer == "the bot has joined Bot Cup (cup12345), which starts in 0:05:00"
    rig.crash()
    rig.start()
    await asyncio.sleep(200)
    assert set(rig.lichess.joined) == {(CUP.id, "us", "secret")}
    assert 4 <= len(rig.lichess.joined) <= 6
    rig.lichess.arenas[CUP.id] = replace(CUP, is_over=True)
    await asyncio.sleep(60)
    assert await rig.order("tournament", action="list") == "no tournament is joined"


async def test_a_running_tournament_keeps_a_place_until_its_game_begins() -> None:
    rig = await a_rig(challenges={"max_games": 1})
    rig.lichess.arenas[CUP.id] = replace(CUP, starts_in=None)
    await join(rig)
    rig.lichess.challenged(to_us(1))
    await until(lambda: rig.lichess.declined == [("game0001", "later")])
    game = GameId("game0002")
    rig.lichess.started(a_game(game, tournament=CUP.id))
    await until(lambda: game in rig.worker_set.games)
    before = len(rig.lichess.joined)
    await asyncio.sleep(120)
    assert len(rig.lichess.joined) == before
    rig.lichess.finished(game)
    await asyncio.sleep(60)
    assert len(rig.lichess.joined) > before


async def test_leaving_is_final() -> None:
    rig = await a_rig()
    await join(rig)
    assert "has left" in await rig.order("tournament", action="leave", id=CUP.id)
    assert rig.lichess.left == [CUP.id]
    before = len(rig.lichess.joined)
    await asyncio.sleep(120)
    assert len(rig.lichess.joined) == before
    assert "has not joined" in await rig.order("tournament", action="leave", id=CUP.id)


@pytest.mark.parametrize(
    ("arena", "scopes", "words"),
    [
        (None, SCOPES, "there is no tournament cup12345"),
        (replace(CUP, is_over=True), SCOPES, "Bot Cup is over"),
        (replace(CUP, bots_allowed=False), SCOPES, "Bot Cup does not allow bots"),
        (CUP, frozenset({"bot:play"}), "lacks the scope tournament:write"),
    ],
)
async def test_why_a_tournament_cannot_be_joined(
    arena: Arena | None, scopes: frozenset[str], words: str
) -> None:
    rig = await a_rig()
    rig.lichess.arenas = {CUP.id: arena} if arena else {}
    rig.lichess.scopes = scopes
    assert words in await join(rig)
    assert not rig.lichess.joined
