import asyncio
from collections.abc import Iterable
from dataclasses import replace

import chess
import pytest
from chess.engine import Limit
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import (
    BadOption,
    EngineDied,
    EngineError,
    EngineHung,
    IllegalMove,
    NotAnEngine,
)
from engine.interface import EngineSpec, SearchRequest
from engine.resilient import MIN_SEARCH_TIME, ResilientEngine, remaining_limit
from tests.engine.builders import a_request, seconds
from tests.fakes.engine import HANG, ScriptedEngine

FISH = EngineSpec(command=("fish",), options={"Hash": 64})
FALLBACK = EngineSpec(command=("fallback",))
E4 = chess.Move.from_uci("e2e4")
D4 = chess.Move.from_uci("d2d4")


class Stable:
    """Builds the given engines one after another and remembers for which specs."""

    def __init__(self, *engines: ScriptedEngine) -> None:
        self.engines = engines
        self.specs: list[EngineSpec] = []

    def build(self, spec: EngineSpec) -> ScriptedEngine:
        self.specs.append(spec)
        return self.engines[len(self.specs) - 1]

    def resilient(self, *, restarts: int = 2) -> ResilientEngine:
        return ResilientEngine(FISH, FALLBACK, restarts=restarts, build=self.build)


def dies(*, hash_mb: int | None = None) -> ScriptedEngine:
    return ScriptedEngine([EngineDied("it died")], hash_mb=hash_mb)


def plays(*moves: chess.Move | EngineError, name: str = "scripted") -> ScriptedEngine:
    return ScriptedEngine(moves, name=name)


def cannot_open(*errors: EngineError) -> ScriptedEngine:
    return ScriptedEngine(opening=errors)


class SlowToOpen(ScriptedEngine):
    """Takes ten seconds to start."""

    async def open(self) -> None:
        if not self.is_open:
            await asyncio.sleep(10)
        await super().open()


async def test_an_engine_that_works_is_left_alone() -> None:
    stable = Stable(plays(E4, name="Fish 1"))
    engine = stable.resilient()
    result = await engine.search(a_request())
    assert (result.move, result.source) == (E4, "engine")
    assert (engine.restart_count, engine.is_fallback, engine.name) == (0, False, "Fish 1")
    await engine.close()
    assert not stable.engines[0].is_open


async def test_only_the_primary_gets_the_options_of_a_game() -> None:
    stable = Stable(dies(), dies(), plays(D4))
    await stable.resilient(restarts=1).search(replace(a_request(), options={"Net": "x"}))
    options = [request.options for engine in stable.engines for request in engine.requests]
    assert options == [{"Net": "x"}, {"Net": "x"}, {}]


@pytest.mark.parametrize("error", [EngineDied("x"), EngineHung("x"), IllegalMove("x")])
async def test_a_failed_search_is_done_again_by_a_new_process(error: EngineError) -> None:
    stable = Stable(plays(error), plays(D4))
    engine = stable.resilient()
    result = await engine.search(a_request())
    assert (result.move, result.source) == (D4, "engine")
    assert (engine.restart_count, engine.is_fallback) == (1, False)


async def test_the_first_restart_takes_a_quarter_of_the_table_and_the_next_the_same() -> None:
    stable = Stable(dies(hash_mb=64), dies(hash_mb=16), plays(E4))
    engine = stable.resilient()
    await engine.search(a_request())
    assert [spec.options["Hash"] for spec in stable.specs] == [64, 16, 16]


async def test_a_table_is_never_smaller_than_one_megabyte() -> None:
    stable = Stable(dies(hash_mb=2), plays(E4))
    await stable.resilient().search(a_request())
    assert stable.specs[1].options["Hash"] == 1


async def test_after_the_last_restart_the_fallback_plays_on() -> None:
    stable = Stable(dies(), dies(), dies(), plays(E4, D4, name="bundled"))
    engine = stable.resilient(restarts=2)
    first = await engine.search(a_request())
    second = await engine.search(a_request())
    assert [first.move, second.move] == [E4, D4]
    assert [first.source, second.source] == ["bundled", "bundled"]
    assert (engine.restart_count, engine.is_fallback, engine.name) == (2, True, "bundled")
    assert stable.specs[3] == FALLBACK


async def test_the_restarts_are_counted_over_the_whole_game() -> None:
    stable = Stable(dies(), plays(E4, EngineDied("x")), plays(E4, EngineDied("x")), plays(D4))
    engine = stable.resilient(restarts=2)
    moves = [(await engine.search(a_request())).source for _ in range(3)]
    assert moves == ["engine", "engine", "bundled"]


async def test_an_error_that_no_restart_can_mend_goes_straight_to_the_fallback() -> None:
    stable = Stable(cannot_open(BadOption("x"), BadOption("x")), plays(E4))
    engine = stable.resilient()
    result = await engine.search(a_request())
    assert (result.source, engine.restart_count) == ("bundled", 0)


async def test_a_restart_that_does_not_start_goes_to_the_fallback() -> None:
    stable = Stable(dies(), cannot_open(NotAnEngine("x")), plays(E4))
    engine = stable.resilient()
    result = await engine.search(a_request())
    assert (result.source, engine.restart_count) == ("bundled", 1)


async def test_the_failure_of_the_fallback_is_the_caller_s() -> None:
    stable = Stable(dies(), plays(EngineHung("even the fallback")), plays(E4))
    engine = stable.resilient(restarts=0)
    with pytest.raises(EngineHung, match="even the fallback"):
        await engine.search(a_request())
    assert (await engine.search(a_request())).source == "bundled"


async def test_opening_hides_no_failure_but_a_search_survives_it() -> None:
    errors = (EngineDied("no memory"), EngineDied("no memory"))
    stable = Stable(cannot_open(*errors), plays(E4))
    engine = stable.resilient()
    with pytest.raises(EngineDied):
        await engine.open()
    assert (await engine.search(a_request())).move == E4


async def test_a_search_that_is_done_again_has_what_is_left_of_its_deadline() -> None:
    stable = Stable(dies(), SlowToOpen())
    await stable.resilient().search(a_request(deadline_s=60))
    (again,) = stable.engines[1].requests
    assert again.deadline.total_seconds() == pytest.approx(50, abs=0.1)


async def test_after_a_hang_there_is_still_a_little_time() -> None:
    stable = Stable(ScriptedEngine([HANG]), plays(E4))
    await stable.resilient().search(a_request(deadline_s=0.01))
    (again,) = stable.engines[1].requests
    assert again.deadline == MIN_SEARCH_TIME


async def test_a_restart_has_its_full_time_unless_a_clock_runs() -> None:
    stable = Stable(dies(), dies(), plays(E4))
    await stable.resilient(restarts=1).search(a_request(deadline_s=1))
    assert {spec.start_timeout for spec in stable.specs} == {FISH.start_timeout}


async def test_a_start_in_a_search_takes_a_part_of_the_clock() -> None:
    stable = Stable(dies(), dies(), plays(E4))
    request = a_request(deadline_s=1, limit=Limit(white_clock=30, black_clock=1))
    await stable.resilient(restarts=1).search(request)
    _, *later = [spec.start_timeout for spec in stable.specs]
    assert all(seconds(9) < timeout <= seconds(10) for timeout in later)


SHORT = Limit(white_clock=1, black_clock=60)


@pytest.mark.parametrize("error", [EngineDied("x"), EngineHung("x"), IllegalMove("x")])
@pytest.mark.parametrize(("best", "move"), [("d2d4", D4), ("d2d5", None), ("", None)])
async def test_on_a_short_clock_a_legal_move_is_played_at_once(
    error: EngineError, best: str, move: chess.Move | None
) -> None:
    stable = Stable(plays(error), plays(E4))
    stable.engines[0].best_so_far = best
    engine = stable.resilient()
    result = await engine.search(a_request(limit=SHORT))
    assert result.source == "last_resort"
    assert result.move == move or (move is None and result.move in chess.Board().legal_moves)
    assert (len(stable.specs), engine.is_well) == (1, False)
    assert (await engine.search(a_request(limit=SHORT))).source == "last_resort"
    later = await engine.search(a_request(limit=Limit(white_clock=60, black_clock=1)))
    assert (later.move, later.source, engine.restart_count) == (E4, "engine", 1)


def pondering(*, clock_s: float = 60) -> SearchRequest:
    limit = Limit(white_clock=clock_s, black_clock=60)
    return replace(a_request(deadline_s=5, limit=limit), ponder=True)


async def test_an_engine_that_ends_while_it_ponders_is_restarted_at_once() -> None:
    stable = Stable(plays(E4, EngineDied("x")), plays(D4, E4))
    engine = stable.resilient()
    await engine.search(pondering())
    stable.engines[0].end.set()
    await asyncio.sleep(1)
    assert (engine.restart_count, stable.engines[1].is_open) == (1, True)
    result = await engine.search(pondering())
    assert (result.move, result.source, engine.restart_count) == (E4, "engine", 1)
    await engine.close()


async def test_a_restart_while_the_opponent_thinks_has_its_full_time() -> None:
    stable = Stable(plays(E4, EngineDied("x")), plays())
    engine = stable.resilient()
    await engine.search(pondering())
    stable.engines[0].end.set()
    await asyncio.sleep(1)
    assert stable.specs[1].start_timeout == FISH.start_timeout
    await engine.close()


@pytest.mark.parametrize(
    ("clock_s", "took_s", "source", "restarts"),
    [(60, 9, "engine", 1), (12, 5, "engine", 2), (2, 0, "last_resort", 1)],
)
async def test_a_search_waits_for_a_restart_as_long_as_for_its_own(
    clock_s: float, took_s: float, source: str, restarts: int
) -> None:
    stable = Stable(plays(E4, EngineDied("x")), SlowToOpen(), plays(D4))
    engine = stable.resilient()
    await engine.search(pondering())
    stable.engines[0].end.set()
    await asyncio.sleep(1)
    began_s = asyncio.get_running_loop().time()
    assert (await engine.search(pondering(clock_s=clock_s))).source == source
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(took_s, abs=0.1)
    assert engine.restart_count == restarts
    await engine.close()


async def test_the_next_game_waits_for_a_restart() -> None:
    stable = Stable(plays(E4, EngineDied("x")), SlowToOpen())
    engine = stable.resilient()
    await engine.search(pondering())
    stable.engines[0].end.set()
    await asyncio.sleep(1)
    await engine.new_game()
    assert (stable.engines[1].games, engine.is_well) == (1, False)
    await engine.close()


async def test_when_the_fallback_ends_as_well_the_next_search_starts_another() -> None:
    failing = plays(E4, EngineDied("x"))
    stable = Stable(failing, plays(D4, E4, EngineDied("y")), plays(D4))
    engine = stable.resilient(restarts=0)
    for index in range(2):
        await engine.search(pondering())
        stable.engines[index].end.set()
        await asyncio.sleep(1)
    assert (await engine.search(pondering())).source == "bundled"
    await engine.close()


async def test_an_engine_without_pondering_is_not_watched() -> None:
    stable = Stable(plays(E4, D4))
    engine = stable.resilient()
    await engine.search(a_request())
    stable.engines[0].end.set()
    await asyncio.sleep(1)
    assert ((await engine.search(a_request())).move, engine.restart_count) == (D4, 0)


async def test_after_a_move_of_last_resort_no_restart_is_waited_for() -> None:
    stable = Stable(plays(IllegalMove("x")), plays(E4))
    engine = stable.resilient()
    await engine.search(pondering(clock_s=1))
    began_s = asyncio.get_running_loop().time()
    assert (await engine.search(pondering())).move == E4
    assert asyncio.get_running_loop().time() - began_s < 1
    await engine.close()


async def test_on_a_short_clock_a_hang_ends_before_the_clock_does() -> None:
    stable = Stable(plays(E4))
    await stable.resilient().search(a_request(deadline_s=1, limit=SHORT))
    (request,) = stable.engines[0].requests
    assert request.deadline == seconds(0.5)


CLOCKS = Limit(white_clock=10.0, black_clock=20.0, white_inc=1.0, time=5.0, nodes=7)


@pytest.mark.parametrize(
    ("turn", "clocks"), [(chess.WHITE, (8.0, 20.0)), (chess.BLACK, (10.0, 18.0))]
)
def test_only_the_mover_s_clock_has_run(turn: chess.Color, clocks: tuple[float, float]) -> None:
    left = remaining_limit(CLOCKS, turn, seconds(2))
    assert (left.white_clock, left.black_clock, left.time, left.nodes) == (*clocks, 3.0, 7)


def times() -> st.SearchStrategy[float | None]:
    return st.one_of(st.none(), st.floats(0.001, 1e5))


@given(times(), times(), st.booleans(), st.floats(0, 1e5))
def test_a_limit_never_grows_and_never_ends(
    clock: float | None, think: float | None, turn: chess.Color, waited: float
) -> None:
    limit = Limit(white_clock=clock, black_clock=clock, time=think)
    left = remaining_limit(limit, turn, seconds(waited))
    pairs: Iterable[tuple[float | None, float | None]] = (
        (limit.white_clock, left.white_clock),
        (limit.black_clock, left.black_clock),
        (limit.time, left.time),
    )
    for before, after in pairs:
        assert (before is None) == (after is None)
        assert before is None or after is None or 0 < after <= before
