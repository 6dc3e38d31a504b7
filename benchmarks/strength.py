"""`python -m benchmarks.strength`: a match of two engines in each variant, by the bot's own code.

A local Lichess and two accounts, each played by `crabstick.game.player` without Ray. Games come in
pairs: the same random first plies, with the colours swapped. The table has the first engine's
result, its Elo difference with an interval of 95 % (from the scores of the pairs), and how the
games ended, by the server's word. The exit status is 1 if a move was refused or a game not ended by
the rules. The games are kept as PGN.
"""

import argparse
import asyncio
import logging
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import fmean, stdev
from typing import Any, Final

import aiohttp
import chess
import structlog
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from benchmarks.results import FOLDER, run_benchmark
from crabstick.errors import EnvironmentProblem
from crabstick.game.context import GameContext, Lease, PlaySettings
from crabstick.game.game_telemetry import GameTelemetry
from crabstick.game.player import Player
from crabstick.game.rate_limits import RateLimits
from crabstick.lichess.game_client import open_games
from crabstick.rules.lichess_types import GameId
from crabstick.rules.time_management import EngineLimits
from crabstick.rules.variants import VARIANTS, start_board
from crabstick.sandbox.testing import RunningSandbox
from crabstick.terminal.local_stack import local_lichess
from engine.interface import EngineSpec, SearchRequest, SearchResult, bundled_spec
from engine.uci_engine import UciEngine

FIRST, SECOND = "first", "second"
RANDOM_PLIES = 4
BY_THE_RULES: Final = frozenset({"mate", "resign", "stalemate", "draw", "variantEnd"})
Z: Final = 1.96
NO_BOUND: Final = 0.999
"""A share of points from which the Elo difference counts as without bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One variant; `points` has the first engine's points in each pair, 0 to 2."""

    variant: str
    points: list[float]
    won: int
    drawn: int
    lost: int
    ends: dict[str, int]
    refused: int

    @property
    def is_clean(self) -> bool:
        """Whether no move was refused, and every game was ended by the rules."""
        return not self.refused and self.ends.keys() <= BY_THE_RULES


class OpeningEngine(UciEngine):
    """A UCI engine whose first moves are drawn, so that both games of a pair have them alike."""

    seed = 0

    async def search(self, request: SearchRequest) -> SearchResult:
        """The drawn move in the opening, then the engine's."""
        board = request.board
        if len(board.move_stack) >= RANDOM_PLIES:
            return await super().search(request)
        moves = sorted(board.legal_moves, key=chess.Move.uci)
        move = Random(f"{self.seed} {len(board.move_stack)}").choice(moves)  # noqa: S311
        return SearchResult(
            move=move,
            centipawns=None,
            mate_in=None,
            depth=0,
            nodes=0,
            think_time=timedelta(0),
            source="engine",
        )


@dataclass(frozen=True, slots=True)
class Side:
    """One account and its engine."""

    name: str
    engine: OpeningEngine
    limits: EngineLimits
    session: aiohttp.ClientSession

    async def play(self, lichess: RunningSandbox, game_id: str) -> None:
        """Plays one game to its end."""
        loop = asyncio.get_running_loop()
        games = open_games(lichess.url, SecretStr(lichess.token(self.name)), self.name)
        settings = PlaySettings(
            bot=self.name,
            limits=self.limits,
            overhead=timedelta(milliseconds=100),
            abort_after=timedelta(seconds=30),
            draw=Random(1).random,  # noqa: S311
        )
        lease = Lease(_ours, loop.time)
        limits = RateLimits(loop.time)
        link = games.game(GameId(game_id))
        try:
            await Player(
                GameContext(link, lease, settings, limits, GameTelemetry()), self.engine
            ).play()
        finally:
            await games.close()

    async def post(self, path: str, **form: str) -> Any:  # noqa: ANN401 -- JSON
        """Posts a form to the Bot API."""
        async with self.session.post(path, data=form) as answer:
            if not answer.ok:
                raise EnvironmentProblem(f"{path}: {await answer.text()}")
            return await answer.json()


async def _ours() -> bool:
    return True


def _start(variant: str, pair: int) -> dict[str, str]:
    """The form of a challenge: another start position for each pair where there are several."""
    rng = Random(pair)  # noqa: S311
    if variant == "chess960":
        return {"variant": variant, "fen": chess.Board.from_chess960_pos(rng.randrange(960)).fen()}
    if variant == "fromPosition":  # Black to move, and not at move one
        board = start_board("standard")
        for _ in range(9):
            board.push(rng.choice([*board.legal_moves]))
        return {"variant": variant, "fen": board.fen()}
    return {"variant": variant}


async def _game(
    lichess: RunningSandbox, white: Side, black: Side, start: dict[str, str], clock: tuple[int, int]
) -> str:
    for side in (white, black):
        await side.engine.new_game()
    limit, increment = map(str, clock)
    form = {"clock.limit": limit, "clock.increment": increment, "color": "white", **start}
    made = await white.post(f"/api/challenge/{black.name}", **form)
    game_id = str(made["id"])
    await black.post(f"/api/challenge/{game_id}/accept")
    await asyncio.gather(white.play(lichess, game_id), black.play(lichess, game_id))
    return game_id


async def _match(
    lichess: RunningSandbox, sides: tuple[Side, Side], variant: str, options: argparse.Namespace
) -> Match:
    ids: list[list[str]] = []
    for pair in range(options.pairs):
        for side in sides:
            side.engine.seed = pair
        start = _start(variant, pair)
        both = [await _game(lichess, *order, start, options.clock) for order in _orders(sides)]
        ids.append(both)
    ledger = lichess.ledger()
    games = {game["id"]: game for game in ledger["games"]}
    points = [[_points(games[one]) for one in both] for both in ids]
    flat = [point for both in points for point in both]
    mine = {one for both in ids for one in both}
    _keep(lichess, sorted(mine), variant)
    return Match(
        variant=variant,
        points=[sum(both) for both in points],
        won=flat.count(1.0),
        drawn=flat.count(0.5),
        lost=flat.count(0.0),
        ends=dict(Counter(games[one]["status"] for one in mine)),
        refused=sum(refused["game"] in mine for refused in ledger["refused_moves"]),
    )


def _orders(sides: tuple[Side, Side]) -> Iterator[tuple[Side, Side]]:
    yield sides
    yield sides[1], sides[0]


def _points(game: dict[str, Any]) -> float:
    winner = game["winner"]
    if winner is None:
        return 0.5
    return float(game[winner] == FIRST)


def _keep(lichess: RunningSandbox, ids: Sequence[str], variant: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    path = Path(FOLDER, f"strength-{variant}.pgn")
    path.write_text("\n\n".join(map(lichess.pgn, ids)), encoding="utf-8")


def elo(points: Sequence[float]) -> tuple[float, float, float]:
    """The Elo difference by the points of each pair (0 to 2): its lower bound, itself, its upper.

    Without a bound where a side has nearly all points.
    """
    share = fmean(points) / 2
    error = Z * stdev(points) / 2 / math.sqrt(len(points)) if len(points) > 1 else 0.5
    return _elo(share - error), _elo(share), _elo(share + error)


def _elo(share: float) -> float:
    if share >= NO_BOUND:
        return math.inf
    if share <= 1 - NO_BOUND:
        return -math.inf
    return -400 * math.log10(1 / share - 1)


async def _measure(options: argparse.Namespace, console: Console) -> list[Match]:
    matches = []
    with local_lichess([FIRST, SECOND]) as lichess:
        for variant in options.variant or VARIANTS:
            console.print(f"{variant}: {options.pairs} pairs of games …")
            async with AsyncExitStack() as stack:
                sides = [await _side(stack, lichess, name, options) for name in (FIRST, SECOND)]
                matches.append(await _match(lichess, (sides[0], sides[1]), variant, options))
    return matches


async def _side(
    stack: AsyncExitStack, lichess: RunningSandbox, name: str, options: argparse.Namespace
) -> Side:
    program: str = getattr(options, name)
    nodes: int = getattr(options, f"{name}_nodes")
    spec = EngineSpec(command=tuple(program.split())) if program else bundled_spec()
    for option in getattr(options, f"{name}_option"):
        key, _, value = option.partition("=")
        spec = spec.with_option(key, value)
    engine = OpeningEngine(replace(spec, start_timeout=timedelta(seconds=60)))
    move_time = timedelta(milliseconds=options.move_time_ms)
    headers = {"Authorization": f"Bearer {lichess.token(name)}"}
    session = aiohttp.ClientSession(lichess.url, headers=headers)
    return Side(
        name,
        await stack.enter_async_context(engine),
        EngineLimits(nodes=nodes or None, move_time=move_time or None),
        await stack.enter_async_context(session),
    )


def _table(matches: Sequence[Match]) -> Table:
    table = Table(title="the first engine against the second", title_justify="left", box=None)
    for head in ("variant", "games", "won", "drawn", "lost", "Elo", "95 %", "ends", "refused"):
        table.add_column(head)
    for match in matches:
        low, middle, high = elo(match.points)
        ends = ", ".join(f"{end} {count}" for end, count in sorted(match.ends.items()))
        counts = (match.won + match.drawn + match.lost, match.won, match.drawn, match.lost)
        bounds = f"{low:+.0f} … {high:+.0f}"
        cells = (*map(str, counts), f"{middle:+.0f}", bounds, ends, str(match.refused))
        table.add_row(match.variant, *cells)
    return table


def _clock(text: str) -> tuple[int, int]:
    limit, increment = text.split("+")
    return int(limit), int(increment)


def main(arguments: Sequence[str] | None = None) -> int:
    """Plays; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strength", description=__doc__)
    parser.add_argument("--variant", action="append", choices=VARIANTS, help="default: all")
    parser.add_argument("--pairs", type=int, default=5, help="of games, in each variant")
    parser.add_argument("--clock", type=_clock, default=(30, 0), help="seconds + seconds a move")
    parser.add_argument("--move-time-ms", type=int, default=0, help="at most, a move; 0: no limit")
    for name, nodes in ((FIRST, 2000), (SECOND, 200)):
        parser.add_argument(f"--{name}", default="", help="a UCI program; default: the bundled one")
        parser.add_argument(f"--{name}-nodes", type=int, default=nodes, help="a move; 0: the clock")
        parser.add_argument(
            f"--{name}-option", action="append", default=[], help='such as "Skill Level=5"'
        )
    options = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    matches: list[Match] = []

    def measure(console: Console) -> list[Match]:
        matches.extend(asyncio.run(_measure(options, console)))
        return matches

    status = run_benchmark("strength", measure, _table)
    return status or int(not all(match.is_clean for match in matches))


if __name__ == "__main__":
    sys.exit(main())
