"""One real process: how it starts, plays, fails and ends."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import chess
import psutil
import pytest
import uvloop
from chess.engine import Limit

from engine.errors import (
    BadOption,
    EngineDied,
    EngineError,
    EngineHung,
    EngineNotExecutable,
    IllegalMove,
    NotAnEngine,
)
from engine.interface import EngineSpec, OptionValue, bundled_spec
from engine.uci_engine import UciEngine, check
from tests.engine.builders import a_fake, a_request, has_ended, seconds, wait_until

GRACE = seconds(0.05)
HELLO = "option name Hash type spin default 1 min 1 max 9; echo uciok"
SOON = seconds(0.4)


@asynccontextmanager
async def an_engine(spec: EngineSpec, *, stop_grace: timedelta = GRACE) -> AsyncIterator[UciEngine]:
    """An engine that is closed at the end and has left no process."""
    engine = UciEngine(spec, stop_grace=stop_grace)
    try:
        yield engine
    finally:
        await engine.close()
        assert engine.pid is None or not psutil.pid_exists(engine.pid)


async def start_error(spec: EngineSpec) -> EngineError:
    async with an_engine(spec) as engine:
        with pytest.raises(EngineError) as caught:
            await engine.open()
        assert engine.pid is None or not psutil.pid_exists(engine.pid)
        return caught.value


async def search_error(engine: UciEngine, *, deadline_s: float = 5.0) -> EngineError:
    with pytest.raises(EngineError) as caught:
        await engine.search(a_request(deadline_s=deadline_s))
    return caught.value


# --- options of one game ---


def a_listener(log: Path, **options: str | int) -> EngineSpec:
    """A fake that writes down what it is told."""
    program = f"tee '{log}' | exec '{sys.executable}' -m engine.fake"
    command = ("/bin/sh", "-c", program)
    return replace(a_fake(), command=command, working_dir=".", options=options)


def told(log: Path) -> list[str]:
    """The options, and where searches and games begin."""
    words = ("setoption name ", "go", "ucinewgame")
    lines = [line for line in log.read_text().splitlines() if line.startswith(words)]
    return [line.removeprefix("setoption name ").partition(" nodes")[0] for line in lines]


async def test_options_of_a_game_are_usual_again_in_the_next(tmp_path: Path) -> None:
    """Those of the settings, the defaults of the others; only what changes is sent."""
    log = tmp_path / "log"
    game = replace(a_request(), options={"hash": "8", "OwnBook": True, "SyzygyPath": "/tb"})
    async with an_engine(a_listener(log, Hash=64, Style="Risky")) as engine:
        await engine.search(a_request())
        for request in (game, game):
            await engine.search(request)
        assert engine.hash_mb == 8
        await engine.new_game()
        await engine.search(a_request())
        await engine.search(replace(a_request(), options={"Style": "Solid", "Clear Hash": None}))
        await engine.search(a_request())
    assert told(log) == [
        *("Hash value 64", "Style value Risky", "ucinewgame", "go"),
        *("Hash value 8", "OwnBook value true", "SyzygyPath value /tb", "go", "go"),
        *("Hash value 64", "OwnBook value false", "SyzygyPath value <empty>", "ucinewgame", "go"),
        *("Style value Solid", "Clear Hash", "go", "Style value Risky", "go"),
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"Hsh": 1, "OwnBook": True}, "has no option 'Hsh': did you mean 'Hash'? (ignored)"),
        ({"Hash": "much", "OwnBook": True}, "from 1 to 65536, not 'much' (ignored)"),
    ],
)
async def test_options_of_a_game_that_the_engine_lacks_are_passed_over(
    options: dict[str, OptionValue], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with an_engine(a_fake()) as engine:
        for _ in range(2):
            assert (await engine.search(replace(a_request(), options=options))).move
    (record,) = caplog.records
    assert words in record.message


async def test_a_new_process_gets_the_options_of_the_game(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with an_engine(a_listener(log)) as engine:
        await engine.search(replace(a_request(), options={"Hash": 8}))
        await engine.close()
        await engine.search(replace(a_request(), options={"Hash": 8}))
    assert told(log) == ["ucinewgame", "Hash value 8", "go"]


async def test_an_engine_that_hangs_over_an_option_is_ended() -> None:
    deaf = "while read word _; do case $word in uci) echo uciok;; isready) test $ready && sleep 9; "
    program = f"{deaf} ready=1; echo readyok;; esac; done"
    spec = replace(a_fake(), command=("/bin/sh", "-c", program.replace("uciok", HELLO)))
    async with an_engine(spec) as engine:
        await engine.open()
        with pytest.raises(EngineHung):
            await engine.search(replace(a_request(deadline_s=0.1), options={"Hash": 8}))


# --- start ---------------------------------------------------------------------------------------


async def test_an_engine_is_named_by_its_command_until_it_sends_its_name() -> None:
    async with an_engine(a_fake(Hash=8)) as engine:
        assert (engine.name.split()[-1], engine.hash_mb, engine.pid) == ("instant", None, None)
        await engine.open()
        assert (engine.name, engine.hash_mb) == ("crabstick fake", 8)


async def test_opening_twice_starts_one_process() -> None:
    async with an_engine(a_fake()) as engine:
        await engine.open()
        pid = engine.pid
        await engine.open()
        assert engine.pid == pid


@pytest.mark.parametrize("niceness", [0, 10])
async def test_a_script_whose_interpreter_is_missing_cannot_run_here(
    tmp_path: Path, niceness: int
) -> None:
    program = tmp_path / "fish"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    error = await start_error(EngineSpec(command=(str(program),), niceness=niceness))
    assert type(error) is EngineNotExecutable
    assert "cannot run on this machine" in str(error)


@pytest.mark.parametrize(
    ("mode", "timeout_s", "kind", "words"),
    [
        ("quit-at-start", 10, NotAnEngine, "quit at its start (exit status 3: fake: cannot go on)"),
        ("no-uci", 2.5, NotAnEngine, "answered 'uci' with 'Hello, I am no engine.'"),
        ("silent", 0.4, NotAnEngine, "answered 'uci' with nothing"),
        ("not-ready", 2.5, EngineHung, "was not ready within 2.5 s"),
        ("slow-start", 0.4, NotAnEngine, "no 'uciok' within 0.4 s"),
    ],
)
async def test_each_bad_start_has_its_own_sentence(
    mode: str, timeout_s: float, kind: type[EngineError], words: str
) -> None:
    spec = a_fake(mode, "--delay-ms", "9000")
    error = await start_error(replace(spec, start_timeout=seconds(timeout_s)))
    assert type(error) is kind
    assert words in str(error)


async def test_a_program_that_does_not_speak_uci_is_not_an_engine() -> None:
    error = await start_error(EngineSpec(command=("cat",), start_timeout=SOON))
    assert "'cat' does not speak UCI: it answered 'uci' with 'uci'" in str(error)


async def test_no_time_to_start_is_an_error_like_any_other() -> None:
    error = await start_error(replace(a_fake(), start_timeout=timedelta(0)))
    assert type(error) is NotAnEngine


async def test_an_odd_option_is_left_out_unless_it_is_set() -> None:
    async with an_engine(a_fake("odd-option")) as engine:
        await engine.open()
        assert "describes its option 'Threads' badly" in engine.warnings[0]
    async with an_engine(a_fake("odd-option", Threads="4")) as engine:
        await engine.open()
        assert engine.warnings == []


async def test_a_wrong_option_ends_the_process() -> None:
    assert type(await start_error(a_fake(Hahs=8))) is BadOption


async def test_a_flood_at_the_start_is_cut_off() -> None:
    error = await start_error(EngineSpec(command=("yes", "uciok")))
    assert type(error) is EngineDied


async def test_a_cancelled_start_leaves_no_process() -> None:
    async with an_engine(a_fake("silent")) as engine:
        opening = asyncio.ensure_future(engine.open())
        await wait_until(lambda: engine.pid is not None)
        opening.cancel()
        await asyncio.wait([opening])
        assert opening.cancelled()
        assert engine.pid is not None
        assert has_ended(engine.pid)


# --- what kind of process -------------------------------------------------------------------------


async def test_the_engine_is_nicer_than_we_and_in_our_process_group() -> None:
    async with an_engine(replace(a_fake(), niceness=3)) as engine:
        await engine.open()
        pid = engine.pid
        assert pid is not None
        assert psutil.Process(pid).nice() == psutil.Process().nice() + 3
        assert os.getpgid(pid) == os.getpgid(0)


async def test_an_engine_beyond_its_memory_dies_alone() -> None:
    spec = replace(a_fake("hungry", Hash=1024), memory_limit_mb=256)
    async with an_engine(spec) as engine:
        assert "MemoryError" in str(await search_error(engine))


async def test_an_engine_within_its_memory_plays() -> None:
    spec = replace(a_fake("hungry", Hash=16), memory_limit_mb=256)
    async with an_engine(spec) as engine:
        assert (await engine.search(a_request())).depth == 1


# --- searches -------------------------------------------------------------------------------------


async def test_a_result_holds_the_evaluation_of_the_engine() -> None:
    async with an_engine(a_fake()) as engine:
        result = await engine.search(a_request())
    assert (result.centipawns, result.mate_in, result.depth, result.nodes) == (13, None, 1, 20)
    assert result.source == "engine"
    assert seconds(0) < result.think_time < seconds(5)


async def test_at_the_deadline_the_engine_is_stopped_and_its_move_taken() -> None:
    async with an_engine(a_fake("delay", "--delay-ms", "60000"), stop_grace=seconds(5)) as engine:
        result = await engine.search(a_request(deadline_s=0.1))
        assert seconds(0.1) <= result.think_time < seconds(5)
        assert (await engine.search(a_request(deadline_s=0.1))).move


@pytest.mark.parametrize("mode", ["hang", "deaf", "ignore-stop"])
async def test_a_hung_engine_is_ended_after_the_grace(mode: str) -> None:
    async with an_engine(a_fake(mode, "--delay-ms", "60000")) as engine:
        error = await search_error(engine, deadline_s=0.1)
        assert type(error) is EngineHung
        assert "no move within 0.1 s, nor 0.05 s after 'stop'" in str(error)


async def test_an_engine_that_does_nothing_is_ended_long_before_its_deadline() -> None:
    spec = a_fake("delay", "--delay-ms", "60000")
    async with an_engine(spec) as engine:
        error = await search_error(engine, deadline_s=50)
        assert type(error) is EngineHung
        assert "neither computed nor wrote anything for 2 s" in str(error)
    async with an_engine(replace(spec, may_idle=True)) as engine:
        assert (await engine.search(a_request(deadline_s=3.5))).think_time > seconds(3)


async def test_an_engine_that_thinks_is_left_alone() -> None:
    async with an_engine(bundled_spec()) as engine:
        result = await engine.search(a_request(limit=Limit(time=4), deadline_s=50))
        assert result.think_time > seconds(3)


async def test_after_a_death_the_next_search_starts_a_new_process() -> None:
    async with an_engine(a_fake("crash", "--after", "1")) as engine:
        await engine.search(a_request())
        error = await search_error(engine)
        assert "ended unexpectedly (exit status 3: fake: cannot go on)" in str(error)
        assert type(error) is EngineDied
        assert (await engine.search(a_request())).move


async def test_an_engine_that_is_killed_between_moves_is_dead_at_the_next_search() -> None:
    async with an_engine(a_fake()) as engine:
        await engine.search(a_request())
        assert engine.pid is not None
        psutil.Process(engine.pid).kill()
        assert "SIGKILL, perhaps out of memory" in str(await search_error(engine))


@pytest.mark.parametrize("mode", ["illegal", "nonsense", "no-move"])
async def test_an_illegal_move_is_not_played(mode: str) -> None:
    async with an_engine(a_fake(mode, "--after", "1")) as engine:
        await engine.search(a_request())
        assert type(await search_error(engine)) is IllegalMove


async def test_noise_around_a_move_does_no_harm() -> None:
    async with an_engine(a_fake("garbage")) as engine:
        for _ in range(3):
            assert (await engine.search(a_request())).centipawns == 13


@pytest.mark.parametrize("mode", ["flood", "flood-line", "flood-info", "flood-moves"])
async def test_an_engine_that_floods_is_ended(mode: str) -> None:
    async with an_engine(a_fake(mode)) as engine:
        deaths = 0
        while not deaths:  # `flood-moves` gives a move before it drowns
            try:
                await engine.search(a_request())
            except (EngineDied, EngineHung):  # a busy machine makes a flood a brook
                deaths += 1
        assert deaths == 1


async def test_an_engine_without_info_lines_still_plays() -> None:
    async with an_engine(a_fake("quiet")) as engine:
        result = await engine.search(a_request())
    assert (result.centipawns, result.mate_in, result.depth, result.nodes) == (None, None, 0, 0)


# --- the game moved on ----------------------------------------------------------------------------


async def cancel_a_search(engine: UciEngine) -> None:
    await engine.open()
    search = asyncio.ensure_future(engine.search(a_request(limit=Limit(time=60), deadline_s=60)))
    await asyncio.sleep(0)  # the search has been sent
    search.cancel()
    await asyncio.wait([search])
    assert search.cancelled()


async def test_after_a_cancelled_search_the_same_process_plays_on() -> None:
    spec = a_fake("delay", "--delay-ms", "60000")
    async with an_engine(spec, stop_grace=seconds(5)) as engine:
        await cancel_a_search(engine)
        pid = engine.pid
        after = chess.Board()
        after.push_uci("e2e4")
        result = await engine.search(a_request(after, deadline_s=0.1))
        assert result.move in after.legal_moves
        assert engine.pid == pid


async def test_a_cancelled_search_that_does_not_stop_is_ended() -> None:
    async with an_engine(a_fake("hang")) as engine:
        await cancel_a_search(engine)
        pid = engine.pid
        assert pid is not None
        await wait_until(lambda: has_ended(pid))
        assert type(await search_error(engine, deadline_s=60)) is EngineHung


async def test_closing_ends_a_search_in_progress() -> None:
    async with an_engine(a_fake("hang")) as engine:
        await engine.open()
        search = asyncio.ensure_future(engine.search(a_request(deadline_s=60)))
        await asyncio.sleep(0)  # the search has been sent
        await engine.close(seconds(0))
        with pytest.raises(EngineDied, match="was closed"):
            await search


# --- the end --------------------------------------------------------------------------------------


async def test_a_closed_engine_is_gone_and_closing_again_is_nothing() -> None:
    engine = UciEngine(a_fake())
    await engine.close()
    await engine.open()
    pid = engine.pid
    assert pid is not None
    await engine.close()
    await engine.close()
    assert not psutil.pid_exists(pid)


async def test_an_engine_that_does_not_quit_is_killed() -> None:
    async with an_engine(a_fake("hang")) as engine:
        await cancel_a_search(engine)
        await engine.close(seconds(0.05))
        assert engine.pid is not None
        assert not psutil.pid_exists(engine.pid)


# --- check ----------------------------------------------------------------------------------------


async def test_a_check_lets_the_engine_play() -> None:
    with pytest.raises(IllegalMove):
        await check(a_fake("illegal"))


# --- as in a Ray actor ----------------------------------------------------------------------------


async def a_life(mode: str) -> tuple[str, str]:
    async with UciEngine(a_fake(mode, "--after", "1"), stop_grace=GRACE) as engine:
        move = (await engine.search(a_request())).move
        error = await search_error(engine, deadline_s=0.05)
    assert engine.pid is not None
    assert not psutil.pid_exists(engine.pid)
    return str(move), type(error).__name__


async def start_errors(spec: EngineSpec, times: int) -> set[type[EngineError]]:
    return {type(await start_error(spec)) for _ in range(times)}


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_program_that_exits_at_once_is_not_an_engine(
    run: Callable[[Coroutine[Any, Any, set[type[EngineError]]]], set[type[EngineError]]],
) -> None:
    spec = EngineSpec(command=("true",), niceness=0)
    assert run(start_errors(spec, times=40)) == {NotAnEngine}


@pytest.mark.parametrize("mode", ["hang", "deaf"])
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_an_engine_lives_and_dies_in_the_loop_of_another_thread(
    run: Callable[[Coroutine[Any, Any, tuple[str, str]]], tuple[str, str]], mode: str
) -> None:
    lives: list[tuple[str, str]] = []
    thread = Thread(target=lambda: lives.append(run(a_life(mode))))
    thread.start()
    thread.join(timeout=30)
    assert lives == [("g1h3", "EngineHung")]
