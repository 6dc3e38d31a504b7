"""`crabstick demo`: plays real games on a local Lichess and a local Ray cluster, and shows them."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import cast

from rich.console import Console
from rich.live import Live
from rich.table import Table

from actors.clients import EngineActorClient
from actors.cluster import find_actor
from actors.local_ray.ports import usual_or_free
from actors.messages import Statistics
from actors.ops.fingerprint import actor_config
from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.explain import counted
from crabstick.rules.lichess_types import Clock
from crabstick.sandbox.opponent import Opponent, Result
from crabstick.sandbox.sparring import weak_player
from crabstick.sandbox.testing import RunningSandbox
from crabstick.settings import Settings
from crabstick.signals import cancelling_interrupts
from crabstick.telemetry.bot_metrics import quantile
from crabstick.terminal.arguments import in_seconds
from crabstick.terminal.live_table import render_table
from crabstick.terminal.local_stack import local_cluster, local_lichess
from crabstick.terminal.running_bot import deploy_bot, fetch_statistics, show

BOT = "crabstick"
USUAL_HTTP_PORT = 8000
PROPER_ENDS = frozenset({"mate", "resign", "outoftime", "draw", "stalemate", "variantEnd"})
THINK = timedelta(milliseconds=150)
REFRESH_S = 0.5
READY_LIMIT = timedelta(minutes=3)
CHAOS_PLY = 4
SLACK = timedelta(seconds=60)
MOST_MOVES = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPlan:
    """What the demo plays: how many games, clock, variants, and whether it kills an actor."""

    games: int
    clock: Clock
    chaos: bool
    variants: Sequence[str] = ("standard",)
    """Their keys; the games go through them in turn."""

    @property
    def longest(self) -> timedelta:
        """The longest time that a game should last."""
        return 2 * self.clock.initial + MOST_MOVES * self.clock.increment + SLACK


def demo(plan: DemoPlan, *, pgn_folder: Path, console: Console) -> None:
    """Plays all games at once and returns when all have ended by the rules of chess.

    Raises:
        ConfigError: `pgn_folder` cannot be made or written.
        EnvironmentProblem: something did not start, or a game did not end properly.
    """
    _make_folder(pgn_folder)
    opponents = [f"sparring{number}" for number in range(1, plan.games + 1)]
    with ExitStack() as stack:
        what = f"{counted(plan.games, 'game')} of {in_seconds(plan.clock)}"
        console.print(f"starting a local Lichess and a local Ray cluster for {what} …")
        lichess = stack.enter_context(local_lichess([BOT, *opponents]))
        console.print(f"Lichess sandbox: {lichess.url}", soft_wrap=True)
        settings = _settings(plan, lichess.url)
        stack.enter_context(local_cluster(settings, lichess.token(BOT), console.print))
        deploy_bot(actor_config(settings, BOT), console)
        results, last = asyncio.run(_play(plan, lichess, settings.cluster.namespace, console))
        _write_pgns(lichess, results, pgn_folder)
        console.print()
        console.print(_summary(results, lichess, last))
        console.print(f"PGNs: {pgn_folder.resolve()}", soft_wrap=True)
    _judge(plan, results, last)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"--pgn {folder}: no folder can be made there ({error.strerror})"
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"--pgn {folder}: this user may not write there")


def _settings(plan: DemoPlan, url: str) -> Settings:
    return Settings.model_validate(
        {
            "lichess": {"url": url},
            "challenges": {
                "max_games": plan.games,
                "variants": list(plan.variants),
                "min_initial_s": 0,
                "max_initial_s": max(int(plan.clock.initial.total_seconds()), 1),
                "max_increment_s": int(plan.clock.increment.total_seconds()),
            },
            "cluster": {"standby": min(plan.games, 4), "namespace": "crabstick-demo"},
            "http": {"port": usual_or_free(USUAL_HTTP_PORT)},
        }
    )


async def _play(
    plan: DemoPlan, lichess: RunningSandbox, namespace: str, console: Console
) -> tuple[list[Result], Statistics]:
    """Lets all opponents challenge the bot at once; shows the table until the last game ends."""
    async with AsyncExitStack() as stack:
        stack.enter_context(cancelling_interrupts())
        opponents = [
            await stack.enter_async_context(Opponent(lichess.url, weak_player(bot, number, THINK)))
            for number, bot in enumerate(bot for bot in lichess.accounts if bot.name != BOT)
        ]
        live = stack.enter_context(Live(console=console, auto_refresh=False, transient=False))
        await _wait_until(_is_ready, namespace, "no actor was ready to play")

        def draw(statistics: Statistics) -> None:
            live.update(render_table(statistics), refresh=True)

        def is_reported(statistics: Statistics) -> bool:
            draw(statistics)
            finished = _values(statistics, "crabstick_games_finished_total")
            return sum(finished.values()) >= plan.games

        clock = (plan.clock.initial, plan.clock.increment)
        watch = asyncio.create_task(show(namespace, draw))
        chaos = asyncio.create_task(_kill_one(namespace, console)) if plan.chaos else None
        try:
            async with asyncio.timeout(plan.longest.total_seconds()):
                results = await asyncio.gather(
                    *(
                        opponent.play(BOT, clock, "random", variant)
                        for opponent, variant in zip(opponents, cycle(plan.variants), strict=False)
                    )
                )
        except TimeoutError:
            raise EnvironmentProblem(
                f"a game was not over after {plan.longest.total_seconds():g} s"
            ) from None
        finally:
            for task in (watch, chaos):
                if task is not None:
                    task.cancel()
        problem = "the bot did not report how its games ended"  # it reports a moment after Lichess
        return results, await _wait_until(is_reported, namespace, problem)


def _is_ready(statistics: Statistics) -> bool:
    """Whether an actor is warm, so that the first game need not wait for one."""
    return any(actor.phase == "standby" for actor in statistics.actors)


async def _wait_until(
    is_so: Callable[[Statistics], bool], namespace: str, problem: str
) -> Statistics:
    """Waits until `is_so` holds for the bot; raises EnvironmentProblem when it takes too long."""
    try:
        async with asyncio.timeout(READY_LIMIT.total_seconds()):
            while True:
                statistics = await fetch_statistics(namespace)
                if statistics is not None and is_so(statistics):
                    return statistics
                await asyncio.sleep(REFRESH_S)
    except TimeoutError:
        within = f"{READY_LIMIT.total_seconds():g} s"
        raise EnvironmentProblem(
            f"{problem} within {within}: this machine seems to be too busy"
        ) from None


async def _kill_one(namespace: str, console: Console) -> None:
    """Kills the actor of the first game that has enough moves."""
    while True:
        statistics = await fetch_statistics(namespace)
        games = statistics.games if statistics else ()
        started = [game for game in games if game.actor and game.ply >= CHAOS_PLY]
        if started:
            break
        await asyncio.sleep(REFRESH_S)
    victim = started[0]
    handle = await find_actor(victim.actor or "", namespace)
    if handle is None:
        return
    description = await EngineActorClient(handle).describe(READY_LIMIT)
    os.kill(description.pid, signal.SIGKILL)
    console.print(f"chaos: killed {victim.actor} in the midst of game {victim.id}")


def _write_pgns(lichess: RunningSandbox, results: list[Result], folder: Path) -> None:
    for result in results:
        pgn = lichess.pgn(result.game_id)
        (folder / f"{result.game_id}.pgn").write_text(pgn, encoding="utf-8")


def _summary(results: list[Result], lichess: RunningSandbox, last: Statistics) -> Table:
    table = Table(title="how it went", show_header=False, box=None, title_justify="left")
    games = {game["id"]: game for game in lichess.ledger()["games"]}
    for result in results:
        game = games[result.game_id]
        winner = game[result.winner] if result.winner else "nobody"
        pair = f"{game['variant']}: {game['white']} - {game['black']}"
        table.add_row(
            result.game_id, pair, f"{result.status}, {winner} won, {len(game['moves'])} plies"
        )
    finished = _values(last, "crabstick_games_finished_total")
    table.add_row("results", "", ", ".join(f"{int(n)} {name}" for name, n in finished.items() if n))
    table.add_row("move overhead", "", _overhead(last))
    table.add_row("takeovers", "", str(_takeovers(last)))
    return table


def _overhead(last: Statistics) -> str:
    parts = []
    for share in (0.5, 0.95, 0.99):
        at = quantile(last.ledger, "crabstick_move_overhead_seconds", share)
        parts.append(f"p{share * 100:g} {'-' if at is None else f'{at * 1000:.1f} ms'}")
    return ", ".join(parts)


def _takeovers(last: Statistics) -> int:
    return int(_values(last, "crabstick_takeovers_total")[""])


def _values(statistics: Statistics, metric: str) -> dict[str, float]:
    values = cast("dict[str, dict[str, float]]", statistics.ledger["values"])
    return values[metric]


def _judge(plan: DemoPlan, results: list[Result], last: Statistics) -> None:
    wrong = [result for result in results if result.status not in PROPER_ENDS]
    if wrong:
        ends = ", ".join(f"{result.game_id} by {result.status}" for result in wrong)
        raise EnvironmentProblem(f"not every game was played to a chess result: {ends}")
    if plan.chaos and not _takeovers(last):
        raise EnvironmentProblem("no actor could be killed: every game was over too soon")
