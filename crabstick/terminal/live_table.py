"""How a running bot looks on a terminal: the table of games and the line of figures above it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from actors.messages import GameRow, Statistics
from crabstick.explain import counted

SPARE_COLUMNS: Final = ("depth", "clock", "game", "eval", "node", "actor")
"""The columns that a narrow terminal leaves out, the least important first."""
LIMITED: Final = {
    "event_stream": "event stream",
    "game_stream": "game streams",
    "move": "moves",
    "command": "aborts and claims",
    "challenge": "challenges",
    "bot_game": "games against bots",
    "account": "list of games",
}
"""Endpoint -> its name for people, shown while the endpoint waits."""


def render_table(bot: Statistics) -> RenderableType:
    """The live status: a headline, and a row for each game."""
    parts: list[RenderableType] = [Text(_headline(bot), style="bold")]
    if bot.problem:
        parts.append(Text(bot.problem, style="red"))
    if bot.limits:
        parts.append(Text(_limits(bot.limits), style="yellow"))
    if bot.line:
        parts.append(Text(f"waiting for a place: {', '.join(bot.line)}"))
    parts.append(
        _Rows(rows=[*map(_row, bot.games)])
        if bot.games
        else Text("no games; waiting for challenges", "dim")
    )
    return Group(*parts)


def _headline(bot: Statistics) -> str:
    phases = [actor.phase for actor in bot.actors]
    waiting = sum(game.actor is None for game in bot.games)
    return (
        f"{bot.bot}: {counted(len(bot.games), 'game')}"
        f"{f' ({waiting} waiting for an actor)' if waiting else ''}, "
        f"{phases.count('standby')} on standby, {phases.count('starting')} starting"
    )


def _limits(until_ms: Mapping[str, int]) -> str:
    """Each limit and its end; a wait lasts a day at most, so the time of day is enough."""
    waits = (f"{LIMITED.get(what, what)} until {_time(ms)}" for what, ms in until_ms.items())
    return f"Lichess limits: {', '.join(waits)}"


def _time(unix_ms: int) -> str:
    return f"{datetime.fromtimestamp(unix_ms / 1000).astimezone():%H:%M:%S}"


def _row(game: GameRow) -> Mapping[str, str]:
    ours, theirs = game.white_ms, game.black_ms
    if game.color == "black":
        ours, theirs = theirs, ours
    return {
        "game": game.id,
        "opponent": game.opponent,
        "clock": game.clock or game.speed,
        "ours": _clock(ours),
        "theirs": _clock(theirs),
        "move": _move(game),
        "eval": game.score,
        "depth": str(game.depth or ""),
        "node": (game.node or "-")[:6],
        "actor": _actor(game),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """The table, as wide as the terminal allows: columns are left out rather than cut."""

    rows: Sequence[Mapping[str, str]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns, unbounded = list(self.rows[0]), options.update(width=1000)
        table = self._table(columns)
        for spare in SPARE_COLUMNS:
            if Measurement.get(console, unbounded, table).maximum <= options.max_width:
                break
            columns.remove(spare)
            table = self._table(columns)
        yield table

    def _table(self, columns: Sequence[str]) -> Table:
        table = Table(header_style="dim", box=None, pad_edge=False)
        for column in columns:
            table.add_column(column, no_wrap=True)
        for row in self.rows:
            table.add_row(*(Text(row[column]) for column in columns))  # a name is not markup
        return table


def _move(game: GameRow) -> str:
    ply = game.ply
    return f"{(ply + 1) // 2}{'.' if ply % 2 else '…'} {game.last_move}" if ply else "-"


def _actor(game: GameRow) -> str:
    times = game.takeovers
    name = (game.actor or "waiting").removeprefix("engine:")
    return f"{name} (takeover {times})" if times else name


def _clock(left_ms: int | None) -> str:
    if left_ms is None:
        return "-"
    minutes, tenths = divmod(round(left_ms / 100), 600)
    return f"{minutes}:{tenths / 10:04.1f}"
