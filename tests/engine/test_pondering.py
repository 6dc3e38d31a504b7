"""Searches on the opponent's time, with real processes: hit, miss, stop, and what can fail."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import chess
import psutil
import pytest
from chess.engine import Limit

from engine.errors import EngineHung
from engine.interface import EngineSpec, SearchRequest, bundled_spec
from engine.resilient import ResilientEngine
from engine.uci_engine import UciEngine
from tests.engine import ponder_fake
from tests.engine.builders import a_fake, a_request, has_ended, seconds, stockfish_path, wait_until

CLOCKS = Limit(white_clock=60, black_clock=50, white_inc=2, black_inc=1)


class Pondering:
    """An engine that ponders, and what it has heard."""

    def __init__(self, folder: Path, mode: str = "", *, spec: EngineSpec | None = None) -> None:
        self.log = folder / "heard"
        self.log.touch()
        words = (sys.executable, ponder_fake.__file__, str(self.log), mode)
        self.spec = spec or EngineSpec(command=words, niceness=0, working_dir=".")
        self.engine = UciEngine(self.spec)
        self.board = chess.Board()

    def heard(self) -> list[str]:
        """The first word or two of each line since the first search, without options."""
        lines = self.log.read_text().splitlines()
        begin = next((i for i, line in enumerate(lines) if line.startswith("position")), len(lines))
        words = [line.split() for line in lines[begin:] if line]
        return [" ".join(word[:2]) if word[0] == "go" else word[0] for word in words]

    def request(self, **changes: object) -> SearchRequest:
        request = a_request(self.board.copy(), limit=CLOCKS)
        return replace(request, ponder=True, **changes)  # type: ignore[arg-type]

    async def move(self, **changes: object) -> None:
        """Searches, plays the move, and waits until the engine ponders."""
        result = await self.engine.search(self.request(**changes))
        self.board.push(result.move)
        await wait_until(lambda: "go ponder" in self.log.read_text() or self.pid_ended())

    def pid_ended(self) -> bool:
        return self.engine.pid is None or has_ended(self.engine.pid)

    def expected(self, index: int = 0) -> None:
        """The opponent plays what the engine expects, or another move."""
        self.board.push(list(self.board.legal_moves)[index])


@asynccontextmanager
async def pondering(folder: Path, mode: str = "") -> AsyncIterator[Pondering]:
    """An engine that ponders, closed at the end."""
    game = Pondering(folder, mode)
    try:
        yield game
    finally:
        await game.engine.close()
        assert game.engine.pid is None or not psutil.pid_exists(game.engine.pid)


async def test_a_move_that_was_expected_is_a_hit(tmp_path: Path) -> None:
    async with pondering(tmp_path) as game:
        await game.move()
        game.expected()
        result = await game.engine.search(game.request())
        assert (result.move in game.board.legal_moves, result.depth, result.centipawns) == (
            True,
            9,  # of the search that went on
            31,
        )
        game.board.push(result.move)
        game.expected()
        await game.engine.search(game.request())
        await wait_until(lambda: len(game.heard()) >= 9)
    hit = ["position", "go ponder", "ponderhit"]
    assert game.heard()[:9] == ["position", "go wtime", *hit, *hit, "position"]


async def test_after_another_move_the_engine_stops_and_searches_anew(tmp_path: Path) -> None:
    async with pondering(tmp_path) as game:
        await game.move()
        game.expected(1)
        result = await game.engine.search(game.request())
        assert (result.move in game.board.legal_moves, result.depth) == (True, 7)
    assert game.heard()[2:6] == ["position", "go ponder", "stop", "position"]
    assert game.heard()[6] == "go wtime"


async def test_the_engine_gets_the_clocks_as_they_will_be(tmp_path: Path) -> None:
    async with pondering(tmp_path) as game:
        await game.move()
        line = next(it for it in game.log.read_text().splitlines() if it.startswith("go ponder"))
    words = line.split()
    clocks = {word: int(value) for word, value in zip(words[2::2], words[3::2], strict=True)}
    assert 61_500 < clocks.pop("wtime") <= 62_000  # 60 + 2, less the search
    assert clocks == {"btime": 51_000, "winc": 2000, "binc": 1000}


async def test_a_bounded_search_ponders_within_its_bounds(tmp_path: Path) -> None:
    async with pondering(tmp_path) as game:
        await game.move(limit=Limit(depth=3, time=1))
        assert "go ponder depth 3 movetime 1000" in game.log.read_text()


async def test_only_a_search_that_may_ponder_does(tmp_path: Path) -> None:
    async with pondering(tmp_path) as game:
        for _ in range(2):
            await game.engine.search(replace(game.request(), ponder=False))
        assert "ponder" not in game.log.read_text()


async def test_an_engine_without_the_option_does_not_ponder() -> None:
    async with UciEngine(a_fake()) as engine:
        for _ in range(2):
            assert (await engine.search(replace(a_request(), ponder=True))).move


async def test_an_engine_that_moves_while_it_ponders_does_no_harm(tmp_path: Path) -> None:
    async with pondering(tmp_path, "eager") as game:
        for index in (0, 1, 0):
            await game.move()
            game.expected(index)
        assert (await game.engine.search(game.request())).move in game.board.legal_moves


async def test_the_score_of_another_position_is_not_taken(tmp_path: Path) -> None:
    async with pondering(tmp_path, "hasty") as game:
        await game.move()
        game.expected(1)
        assert (await game.engine.search(game.request())).centipawns is None


# --- stop ---------------------------------------------------------------------------------------


async def test_the_next_game_starts_after_the_last_search_has_ended(tmp_path: Path) -> None:
    async with pondering(tmp_path) as game:
        await game.move()
        pid = game.engine.pid
        await game.engine.new_game()
        game.board = chess.Board()
        await game.engine.search(game.request())
        assert game.engine.pid == pid
    assert game.heard().count("ponderhit") == 0
    stopped = game.heard().index("stop")
    assert game.heard()[stopped + 1 :].index("isready") < game.heard()[stopped + 1 :].index(
        "ucinewgame"
    )


async def test_pondering_can_be_stopped_without_a_search(tmp_path: Path) -> None:
    async with pondering(tmp_path) as game:
        game.engine.stop_pondering()  # nothing to stop, not even a process
        await game.move()
        game.engine.stop_pondering()
        await wait_until(lambda: "stop" in game.heard())
        game.expected()
        assert (await game.engine.search(game.request())).move in game.board.legal_moves
        assert not game.pid_ended()


async def test_an_engine_that_does_not_stop_for_the_next_game_is_ended(tmp_path: Path) -> None:
    async with pondering(tmp_path, "deaf") as game:
        await game.move()
        with pytest.raises(EngineHung):
            await game.engine.new_game()
        assert game.pid_ended()


async def test_an_engine_that_does_not_stop_for_a_search_is_ended(tmp_path: Path) -> None:
    async with pondering(tmp_path, "deaf") as game:
        await game.move()
        game.expected(1)
        with pytest.raises(EngineHung):
            await game.engine.search(game.request(deadline=seconds(0.2)))


async def test_closing_does_not_wait_for_an_engine_that_ponders(tmp_path: Path) -> None:
    async with pondering(tmp_path, "deaf") as game:
        await game.move()
        async with asyncio.timeout(5):
            await game.engine.close()


async def test_a_cancelled_search_after_a_miss_leaves_the_engine_usable(tmp_path: Path) -> None:
    async with pondering(tmp_path, "slow") as game:
        await game.move()
        pid = game.engine.pid
        game.expected(1)
        for _ in range(2):  # the second one finds the first one still waiting for the stop
            search = asyncio.ensure_future(game.engine.search(game.request()))
            await asyncio.sleep(0)
            search.cancel()
            await asyncio.wait([search])
        assert (await game.engine.search(game.request())).move in game.board.legal_moves
        assert game.engine.pid == pid
        assert game.heard().count("go wtime") == 2


# --- failures -----------------------------------------------------------------------------------


async def test_an_engine_that_is_idle_while_it_ponders_is_not_hung(tmp_path: Path) -> None:
    async with pondering(tmp_path) as game:
        await game.move()
        pid = game.engine.pid
        await asyncio.sleep(3)  # more than an engine may be idle in a search
        game.expected()
        assert (await game.engine.search(game.request())).depth == 9
        assert game.engine.pid == pid


class Restarted:
    """A resilient engine whose first process is `game`'s."""

    def __init__(self, game: Pondering, restarted: EngineSpec) -> None:
        self._next = restarted
        self.built = 0
        self.engine = ResilientEngine(game.spec, a_fake(), build=self._build(game))

    def _build(self, game: Pondering) -> Callable[[EngineSpec], UciEngine]:
        def build(spec: EngineSpec) -> UciEngine:
            self.built += 1
            return (
                game.engine if self.built == 1 else UciEngine(replace(spec, command=self.command))
            )

        return build

    @property
    def command(self) -> tuple[str, ...]:
        return self._next.command


async def test_an_engine_that_ends_while_it_ponders_is_restarted_meanwhile(tmp_path: Path) -> None:
    game = Pondering(tmp_path, "crash")
    restarted = Restarted(game, a_fake())
    engine = restarted.engine
    game.board.push((await engine.search(game.request())).move)
    await wait_until(lambda: engine.name == "crabstick fake" and restarted.built == 2)
    assert (engine.restart_count, engine.is_well) == (1, False)
    game.expected()
    result = await engine.search(game.request())
    assert (result.source, engine.restart_count) == ("engine", 1)
    await engine.new_game()
    await engine.close()


async def test_a_restart_that_is_too_slow_gives_way_to_the_search(tmp_path: Path) -> None:
    game = Pondering(tmp_path, "crash")
    engine = Restarted(game, a_fake("silent")).engine
    game.board.push((await engine.search(game.request())).move)
    await wait_until(lambda: engine.restart_count == 1)
    game.expected()
    short = game.request(limit=Limit(white_clock=2, black_clock=60))
    async with asyncio.timeout(1):
        assert (await engine.search(short)).source == "last_resort"
    await engine.close()


async def test_closing_ends_a_restart(tmp_path: Path) -> None:
    game = Pondering(tmp_path, "crash")
    engine = Restarted(game, a_fake("silent")).engine
    game.board.push((await engine.search(game.request())).move)
    await wait_until(lambda: engine.restart_count == 1)
    async with asyncio.timeout(5):
        await engine.close()


# --- real engines -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bundled", "stockfish"])
@pytest.mark.parametrize(
    "board", [chess.Board(), chess.Board.from_chess960_pos(100)], ids=["usual", "chess960"]
)
async def test_a_real_engine_ponders(
    name: str, board: chess.Board, caplog: pytest.LogCaptureFixture
) -> None:
    spec = bundled_spec() if name == "bundled" else EngineSpec(command=(stockfish_path(),))
    board = board.copy()
    limit = Limit(white_clock=10, black_clock=10)
    caplog.set_level("DEBUG", "chess.engine")
    async with UciEngine(replace(spec, niceness=0), stop_grace=seconds(5)) as engine:
        for index in range(6):
            request = replace(a_request(board.copy(), limit=limit), ponder=True)
            board.push((await engine.search(request)).move)
            said = next(it for it in reversed(caplog.messages) if ">> bestmove" in it)
            answer = said.split()[-1]
            others = [move for move in board.legal_moves if move.uci() != answer]
            board.push(others[0] if index % 2 else board.parse_uci(answer))
        await engine.new_game()
        assert (await engine.search(a_request())).move in chess.Board().legal_moves
    sent = [message.split(" << ")[1] for message in caplog.messages if " << " in message]
    assert sent.count("ponderhit") == 3
    assert "setoption name Ponder value true" in sent
