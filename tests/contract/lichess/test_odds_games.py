"""A bot without Ray plays odds games on the sandbox: its listener, an actor, an engine process."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from actors.engine_actor.engine_actor import EngineActor
from actors.event_listener.event_listener import EventListener
from actors.messages import ActorConfig, Assignment, GameUpdate, LoadAnswer, Outcome, Packed
from crabstick.sandbox.testing import RunningSandbox, running
from crabstick.settings import TOKEN_VARIABLE, Settings
from tests.contract.sandbox.clients import Client
from tests.unit.actors.handles import FakeHandle
from tests.unit.actors.watched_actors import FakeWatchedActor

BOT, OPPONENT = "crabstick", "sparring1"
QUEEN_ODDS = "rnb1kbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR"
KNIGHT_ODDS = "rnbqkb1r/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"


class OneActor:
    """The WorkerSet's side: gives the games of one engine to its only actor."""

    def __init__(self, actor: EngineActor) -> None:
        self.actor = actor
        self.games: list[str] = []

    async def load(self, _message: Packed) -> Packed:
        return LoadAnswer(games=(), room=0, rooms={"odds": 1}).pack()

    async def game_started(self, message: Packed) -> None:
        update = GameUpdate.read(message)
        if update.game not in self.games:
            assert update.engine == "odds"
            self.games.append(update.game)
            assignment = Assignment(game=update.game, epoch=len(self.games))
            assert await self.actor.assign(assignment.pack()) == {"v": 1, "taken": True}

    async def game_finished(self, _message: Packed) -> None:
        """The actor reads it in the game's stream."""

    async def report(self, _message: Packed) -> None:
        """Nothing is counted."""


def settings(sandbox: RunningSandbox, log: Path) -> Settings:
    program = f"tee '{log}' | exec '{sys.executable}' -m engine.fake"
    engine = {"kind": "uci", "path": "/bin/sh", "args": ["-c", program], "limits": {"nodes": 800}}
    position = {
        "fen": QUEEN_ODDS,
        "bot_color": "black",
        "engine": "odds",
        "options": {"Hash": 8},
        "limits": {"nodes": 9},
    }
    sections = {
        "lichess": {"url": sandbox.url},
        "engines": {"odds": {**engine, "options": {"Hash": 32}}, "white": "odds"},
        "positions": [position],
        "challenges": {"variants": ["standard", "fromPosition"]},
    }
    return Settings.model_validate(sections)


@asynccontextmanager
async def a_bot(sandbox: RunningSandbox, log: Path) -> AsyncIterator[EngineActor]:
    """Ends with all of its tasks."""
    before = asyncio.all_tasks()
    message = settings(sandbox, log).to_message()
    config = ActorConfig(
        name="engine:1", namespace="x", bot=BOT, fingerprint="x", settings=message, engine="odds"
    )
    actor = EngineActor(config.pack())
    await actor.describe({"v": 1})
    listener = EventListener(config.pack(), FakeHandle(OneActor(actor)), None, FakeWatchedActor())
    try:
        yield actor
    finally:
        await listener.shut_down({"v": 1})
        await actor._link.engine.close()
        ours = asyncio.all_tasks() - before
        for task in ours:
            task.cancel()
        await asyncio.gather(*ours, return_exceptions=True)


async def test_odds_games_are_told_from_others_and_played_with_options_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    with running() as sandbox:
        monkeypatch.setenv(TOKEN_VARIABLE, sandbox.token(BOT))
        async with a_bot(sandbox, log) as actor, Client(sandbox, OPPONENT) as opponent:
            events = await opponent.open_events()

            async def declined(**form: str) -> str:
                await opponent.challenge(BOT, **form)
                line = await events.next_of("challengeDeclined")
                return str(line["challenge"]["declineReasonKey"])

            async def play(*moves: str, **form: str) -> str:
                """Plays moves, and then resigns; returns the bot's moves."""
                game = await opponent.challenge(BOT, **form)
                assert (await events.next_of("gameStart"))["game"]["gameId"] == game
                lines = await opponent.open_game(game)
                made: str = (await lines.next_of("gameFull"))["state"]["moves"]
                for move in moves:
                    assert (await opponent.command(game, f"move/{move}"))[0] == 200
                while len(made.split()) < max(1, 2 * len(moves)):
                    made = (await lines.next_of("gameState"))["moves"]
                ended = asyncio.create_task(actor.outcome({}))
                assert (await opponent.command(game, "resign"))[0] == 200
                assert Outcome.read(await ended).stays
                return made

            assert await declined(fen=KNIGHT_ODDS, color="white") == "variant"
            assert await declined(fen=f"{QUEEN_ODDS} w KQkq - 0 1", color="black") == "generic"
            assert await declined(fen=f"{QUEEN_ODDS} w KQkq - 0 1") == "generic"
            odds = await play("e2e4", fen=f"{QUEEN_ODDS} w KQkq - 0 1", color="white")
            usual = await play(color="black")
    assert (len(odds.split()), len(usual.split())) == (2, 1)
    lines = log.read_text().splitlines()
    told = [line.split()[-2:] for line in lines if line.startswith(("go ", "setoption name Hash"))]
    assert told == [
        ["value", "32"],
        ["value", "8"],
        ["nodes", "9"],
        ["value", "32"],
        ["nodes", "800"],
    ]
