"""What a player does beside searching: draws, resignation, sources of moves, the time of a turn."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import chess
import pytest

from crabstick.game.move_sources import Found, MoveSources
from crabstick.rules.adjudication import Adjudication, ScoreRule
from crabstick.rules.game_events import Finish
from crabstick.rules.lichess_types import GameState, Limited, RefusedPost, Unanswered
from crabstick.settings import Settings
from engine.interface import SearchRequest, SearchResult
from tests.builders import seconds
from tests.fakes.engine import ScriptedEngine
from tests.fakes.lichess import FakeMatch
from tests.unit.game.rigs import PlayedGame
from tests.unit.game.test_move_sources import START, a_book
from tests.unit.virtual_time import virtual_loop

RULES = Adjudication(
    ScoreRule(score=10, consecutive_moves=2), ScoreRule(score=-500, consecutive_moves=2)
)


class ScoringEngine(ScriptedEngine):
    """Gives each of its moves the same score, after a second."""

    def __init__(self, score: int) -> None:
        super().__init__([seconds(1)] * 9)
        self._score = score

    async def search(self, request: SearchRequest) -> SearchResult:
        return replace(await super().search(request), centipawns=self._score)


def a_game(score: int, sources: MoveSources | None = None, **settings: Any) -> PlayedGame:
    return PlayedGame(FakeMatch(), ScoringEngine(score), sources=sources, **settings)


async def reply(game: PlayedGame, uci: str, moves: int) -> None:
    """The opponent plays, and we answer."""
    game.match.opponent_plays(uci)
    await game.until_sent(moves)


async def test_an_offer_that_comes_while_we_think_is_taken() -> None:
    game = a_game(-200, adjudication=RULES)
    await game.until_sent()
    game.match.opponent_plays("e7e5")
    await game.pass_time(0.5)
    game.match.offer_draw()
    assert await game.finish() == Finish(status="draw", winner=None)


async def test_without_rules_no_draw_is_taken_and_no_game_resigned() -> None:
    game = a_game(-9000)
    game.match.opponent_offers_draw = True
    await game.until_sent()
    await reply(game, "e7e5", 2)
    assert not any("Draw" in post or post == "resign" for post in game.link.posts)
    await game.kill()


async def test_a_lost_game_is_resigned() -> None:
    game = a_game(-600, adjudication=RULES)
    await game.until_sent()
    game.match.opponent_plays("e7e5")
    assert await game.finish() == Finish(status="resign", winner=chess.BLACK)
    assert game.link.posts[1:] == ["resign"]


@pytest.mark.parametrize(
    "outcome", [Unanswered(why="x"), RefusedPost(why="x"), Limited(retry_after=None)]
)
async def test_a_game_that_cannot_be_resigned_is_played_on(outcome: Any) -> None:
    game = a_game(-600, adjudication=RULES)
    await game.until_sent()
    game.match.next_outcomes.append(outcome)
    await reply(game, "e7e5", 2)
    assert len(game.match.board.move_stack) == 3
    await game.kill()


async def test_a_successor_waits_for_scores_of_its_own() -> None:
    before = a_game(-600, adjudication=RULES)
    await before.until_sent()
    await before.kill()
    after = PlayedGame(before.match, ScoringEngine(-600), adjudication=RULES)
    await reply(after, "e7e5", 1)
    assert "resign" not in after.link.posts
    await after.kill()


# Sources.


def sources(path: Path) -> MoveSources:
    section = {"files": {"standard": [a_book(path / "book.bin", [(START, "g1f3", 1)])]}}
    opened = MoveSources.open(Settings.model_validate({"books": section}))
    assert opened is not None
    return opened


async def test_a_book_move_needs_no_engine(tmp_path: Path) -> None:
    game = a_game(0, sources(tmp_path))
    await game.until_sent()
    assert (game.link.sent[0][0], game.engine.requests) == ("g1f3", [])
    await reply(game, "e7e5", 2)
    assert len(game.engine.requests) == 1
    assert ("crabstick_source_moves_total", "book", 1) in game.telemetry.drain().counts
    await game.kill()


async def test_a_move_of_a_book_ends_the_pondering(tmp_path: Path) -> None:
    game = a_game(0, sources(tmp_path), ponder=True)
    await game.until_sent()
    assert game.engine.stops == 1
    await reply(game, "e7e5", 2)
    assert (game.engine.stops, game.engine.requests[0].ponder) == (1, True)
    await game.kill()


class UntimedMatch(FakeMatch):
    """A game without a clock."""

    @property
    def state(self) -> GameState:
        return replace(super().state, white_time=None, black_time=None)


async def test_without_a_clock_the_engine_does_not_ponder() -> None:
    game = PlayedGame(UntimedMatch(), ScoringEngine(0), ponder=True)
    await game.until_sent()
    assert not game.engine.requests[0].ponder
    await game.kill()


async def test_files_that_fail_are_passed_over_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = sources(tmp_path)
    broken.problems.append("books.files.standard /x: No such file")
    monkeypatch.setattr(MoveSources, "_read", lambda *_, **__: (tmp_path / "gone").stat())
    game = a_game(0, broken)
    await game.until_sent()
    await reply(game, "e7e5", 2)
    assert len(game.engine.requests) == 2
    assert ("crabstick_source_failures_total", None, 2) in game.telemetry.drain().counts
    await game.kill()


@pytest.mark.parametrize(
    ("roots", "played", "from_file"),
    [(("a2a3", "g1h3"), "g1h3", 0), (("a2a3", "b2b3"), "a2a3", 1)],
    ids=["it obeys", "it ignores them"],
)
async def test_an_engine_chooses_among_the_moves_of_a_source_or_is_overruled(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    roots: tuple[str, ...],
    played: str,
    from_file: int,
) -> None:
    moves = tuple(map(chess.Move.from_uci, roots))

    async def find(*_: object) -> Found:
        await asyncio.sleep(0.5)
        return Found(SearchResult(move=moves[0], source="syzygy"), moves)

    monkeypatch.setattr(MoveSources, "find", find)
    game = a_game(0, sources(tmp_path))
    await game.until_sent()
    assert game.link.sent[0][0] == played
    assert [request.root_moves for request in game.engine.requests] == [moves]
    report = game.telemetry.drain()
    counted = ("crabstick_source_moves_total", "syzygy", 1) in report.counts
    assert counted == from_file
    assert dict(report.samples)["crabstick_move_overhead_seconds"] < 0.1  # the look-up is none
    await game.kill()


# Time.


async def test_a_turn_lasts_as_long_as_wanted_the_search_included() -> None:
    game = a_game(0, min_move_time=seconds(3))
    began_s = virtual_loop().time()
    await game.until_sent()
    assert game.link.sent_s[0] - began_s == pytest.approx(3, abs=0.05)
    samples = dict(game.telemetry.drain().samples)
    assert samples["crabstick_move_overhead_seconds"] < 0.1
    await game.kill()


async def test_a_line_without_a_move_does_not_prolong_the_turn() -> None:
    game = a_game(0, min_move_time=seconds(3))
    began_s = virtual_loop().time()
    await game.pass_time(0.9)
    game.match.offer_draw()
    await game.until_sent()
    assert game.link.sent_s[0] - began_s == pytest.approx(3, abs=0.05)
    await game.kill()


async def test_a_draw_does_not_wait() -> None:
    game = a_game(0, min_move_time=seconds(3), adjudication=RULES)
    await game.until_sent()
    began_s = virtual_loop().time()
    await reply(game, "e7e5", 2)
    assert game.link.sent_s[1] - began_s == pytest.approx(1, abs=0.05)
    await game.kill()
