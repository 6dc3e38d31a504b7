"""XBoard engines: the same process, deadline and errors as UCI."""

import sys
from dataclasses import replace
from pathlib import Path

import chess
import pytest
from chess.engine import Limit

from engine import uci_engine
from engine.errors import BadOption, EngineHung, NotAnEngine, UnsupportedGame
from engine.interface import EngineSpec
from engine.uci_engine import UciEngine, check
from tests.engine.builders import a_fake, a_request, seconds

FAKE = Path(__file__).with_name("xboard_fake.py")


def an_xboard(*features: str, program: Path = FAKE) -> EngineSpec:
    command = (sys.executable, str(program), *features)
    return EngineSpec(command=command, protocol="xboard", niceness=0)


async def test_a_game_is_played_and_scored() -> None:
    board = chess.Board()
    async with UciEngine(an_xboard("setboard=1")) as engine:
        limit = Limit(white_clock=9.5, black_clock=9.5, white_inc=0.5, black_inc=0.5)
        for _ in range(3):
            board.push((await engine.search(a_request(board.copy(), limit=limit))).move)
        result = await engine.search(a_request(board.copy(), limit=limit))
        assert (engine.name, result.centipawns, result.depth) == ("Crab X", 42, 3)
        await engine.new_game()
        assert (await engine.search(a_request())).move in chess.Board().legal_moves


async def test_options_of_a_game_are_usual_again_in_the_next(tmp_path: Path) -> None:
    log = tmp_path / "log"
    features = (
        """'option="Style -combo *Solid /// Risky"' 'option="Skill -spin 9 1 20"' setboard=1"""
    )
    program = f"tee '{log}' | exec '{sys.executable}' '{FAKE}' {features}"
    spec = replace(an_xboard(), command=("/bin/sh", "-c", program), options={"Style": "Risky"})
    async with UciEngine(spec) as engine:
        await engine.search(replace(a_request(), options={"Style": "Solid", "Skill": 3}))
        await engine.new_game()
        await engine.search(a_request())
    sent = [line for line in log.read_text().splitlines() if line.startswith("option ")]
    assert [line.removeprefix("option ") for line in sent] == [
        *("Style=Risky", "Style=Solid", "Skill=3", "Style=Risky", "Skill=9")
    ]


async def test_without_setboard_only_the_usual_start_is_played() -> None:
    async with UciEngine(an_xboard()) as engine:
        assert (await engine.search(a_request())).move
        with pytest.raises(UnsupportedGame, match="no setboard"):
            await engine.search(a_request(chess.Board("4k3/8/8/8/8/8/8/R3K3 w - - 0 1")))


async def test_the_variants_are_those_of_the_features() -> None:
    tried = await check(
        an_xboard("setboard=1", 'variants="normal,atomic,fischerandom"', "option=x")
    )
    assert tried.plays(chess.variant.AtomicBoard())
    assert tried.plays(chess.Board(chess960=True))
    assert not tried.plays(chess.variant.HordeBoard())
    assert "'feature option=x' badly" in tried.warnings[0]


async def test_an_option_may_have_spaces_in_its_name() -> None:
    features = (
        'option="Resign Threshold -spin 800 200 1200" option="Log -check 0"',
        "option='Multi-PV Margin -slider 0 0 9'",
        'option="Save in file -button" option="Book File -file my book.bin" option="Odd One -spin"',
    )
    spec = replace(
        an_xboard("setboard=1", *features),
        options={"resign threshold": 900, "Log": True, "Multi-PV Margin": 3, "Save in file": None},
    )
    async with UciEngine(spec) as engine:
        said = engine._latest.last_output() if engine._latest else ""
        assert "Book File" in engine.offered
    for option in ("Resign Threshold=900", "Log=1", "Multi-PV Margin=3", "Save in file\n"):
        assert f"# set {option}" in said
    with pytest.raises(BadOption, match="a whole number from 200 to 1200"):
        await check(replace(spec, options={"Resign Threshold": 9000}))


async def test_a_program_that_does_not_speak_xboard_is_named() -> None:
    spec = EngineSpec(command=("cat",), protocol="xboard", start_timeout=seconds(0.3))
    with pytest.raises(NotAnEngine, match="'cat' does not speak XBoard"):
        await UciEngine(spec).open()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (replace(an_xboard(), protocol="uci"), "speaks XBoard, not UCI: write engine.kind: xboard"),
        (replace(a_fake(), protocol="xboard"), "speaks UCI, not XBoard: write engine.kind: uci"),
        (EngineSpec(command=("cat",)), "'cat' does not speak UCI: .* and no 'uciok'$"),
        (EngineSpec(command=("cat",), protocol="xboard"), "no 'feature done=1'$"),
    ],
)
async def test_the_other_protocol_is_found_out_long_before_the_time_is_over(
    monkeypatch: pytest.MonkeyPatch, spec: EngineSpec, words: str
) -> None:
    monkeypatch.setattr(uci_engine, "PROBE_AFTER", seconds(0.5))
    with pytest.raises(NotAnEngine, match=words):
        await check(replace(spec, start_timeout=seconds(600)))


async def test_an_engine_that_is_slow_to_start_is_no_other_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uci_engine, "PROBE_AFTER", seconds(0.1))
    tried = await check(a_fake("slow-start", "--delay-ms", "1000"))
    assert tried.name == "crabstick fake"


async def test_an_engine_that_hangs_is_ended(tmp_path: Path) -> None:
    program = tmp_path / "hangs.py"
    program.write_text(FAKE.read_text().replace('"go": self', '"went": self'))
    async with UciEngine(replace(an_xboard(program=program)), stop_grace=seconds(0.05)) as engine:
        with pytest.raises(EngineHung):
            await engine.search(a_request(deadline_s=0.1))
