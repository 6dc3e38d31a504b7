"""The pinned pyffish is the whole engine that `engine.fairy` expects."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import chess
import chess.engine
import chess.variant
import psutil
import pytest
from chess.engine import Limit

from crabstick.rules.variants import VARIANTS, start_board
from crabstick.settings import Settings
from engine import uci_engine
from engine.errors import EngineDied, NotAnEngine
from engine.fairy import MISSING, library
from engine.interface import bundled_spec
from engine.uci_engine import UciEngine, check
from tests.engine.builders import a_request, has_ended, seconds, wait_until

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
BOARDS = [
    chess.Board(),
    chess.Board.from_chess960_pos(1),
    chess.variant.AtomicBoard(),
    chess.variant.AntichessBoard(),
    chess.variant.CrazyhouseBoard(),
    chess.variant.HordeBoard(),
    chess.variant.KingOfTheHillBoard(),
    chess.variant.RacingKingsBoard(),
    chess.variant.ThreeCheckBoard(),
]
HOST = """
import subprocess, sys, time
from engine.interface import bundled_spec
child = subprocess.Popen(
    bundled_spec().command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
)
child.stdin.write("uci\\ngo infinite\\n")
child.stdin.flush()
while child.stdout.readline() != "uciok\\n":
    assert child.poll() is None
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module", params=["idle", "searching"])
def search(request: pytest.FixtureRequest) -> str:
    return "go infinite\n" if request.param == "searching" else ""


@pytest.fixture
def process(tmp_path: Path, search: str) -> Iterator["subprocess.Popen[str]"]:
    """A running engine with bare pipes, in a folder with an `engine.py` of its own."""
    (tmp_path / "engine.py").write_text("raise SystemExit('the wrong engine')\n")
    with subprocess.Popen(
        bundled_spec().command,
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(f"uci\n{search}")
        child.stdin.flush()
        while child.stdout.readline() != "uciok\n":
            assert child.poll() is None
        yield child
        child.kill()


@pytest.fixture
async def engine() -> AsyncIterator[UciEngine]:
    """The bundled engine within the memory of a slot."""
    async with UciEngine(Settings().engine_spec(), stop_grace=seconds(5)) as opened:
        yield opened


def test_the_wheel_exports_main() -> None:
    assert hasattr(ctypes.CDLL(str(library())), "main")


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: f"{board.aliases[0]} {board.chess960}")
async def test_it_plays_every_variant_of_lichess(engine: UciEngine, board: chess.Board) -> None:
    result = await engine.search(a_request(board, limit=Limit(nodes=500)))
    assert result.move in board.legal_moves


async def test_its_strength_can_be_limited() -> None:
    spec = bundled_spec({"Skill Level": 3, "UCI_LimitStrength": True, "UCI_Elo": 1200})
    tried = await check(spec)
    assert "Fairy-Stockfish" in tried.name
    assert [one for one in VARIANTS if not tried.plays(start_board(one))] == []


def test_it_ends_with_its_input(process: "subprocess.Popen[str]") -> None:
    _, complaints = process.communicate(timeout=20)
    assert (process.returncode, complaints) == (0, "")


def test_it_ends_at_quit(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("quit\n")
    process.stdin.flush()
    assert process.wait(20) == 0


def test_it_ends_at_sigterm_and_leaves_ctrl_c_to_its_host(
    process: "subprocess.Popen[str]",
) -> None:
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.2)
    process.terminate()
    assert process.wait(20) == -signal.SIGTERM


async def test_it_ends_when_its_host_is_killed() -> None:
    host = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOST), stdout=subprocess.PIPE, cwd=ROOT, env=ENVIRONMENT
    )
    assert host.stdout is not None
    pid = int(await asyncio.wait_for(host.stdout.readline(), 20))
    assert psutil.pid_exists(pid)
    host.kill()
    await host.wait()
    await wait_until(lambda: has_ended(pid))


@pytest.mark.parametrize("content", [None, b"no library"], ids=["missing", "broken"])
async def test_without_the_wheel_it_says_what_else_can_be_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    found = library()
    assert found is not None
    package = tmp_path / "pyffish"
    package.mkdir()
    (package / "__init__.py").touch()
    if content:
        (package / found.name).write_bytes(content)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT)]))
    with pytest.raises(NotAnEngine) as caught:
        await check(bundled_spec())
    assert str(caught.value).startswith(MISSING)


async def test_too_little_memory_is_named() -> None:
    for memory_mb in (1, 8, 20, 64, 90):
        with pytest.raises(EngineDied, match=rf"more than engine.memory_mb \({memory_mb}\)"):
            await check(replace(bundled_spec(), memory_limit_mb=memory_mb))


async def test_it_speaks_both_protocols_and_a_slow_start_does_not_confuse_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(uci_engine, "PROBE_AFTER", seconds(0.1))
    assert (await check(bundled_spec())).name.startswith("Fairy-Stockfish")
    xboard = replace(bundled_spec(), protocol="xboard", options={})
    assert (await check(xboard)).name.startswith("Fairy-Stockfish")
    assert not caplog.records
