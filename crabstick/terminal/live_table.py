"""How a running bot looks on a terminal: the table of games and the line of figures above it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from actors.messages import GameRow, Statistics
from crabstick.explain import counted

SPARE_COLUMNS: Final = ("depth", "clock", "game", "eval", "node", "actor")
"""What a narrow terminal does without, the least first."""
LIMITED: Final = {
    "event_stream": "event stream",
    "game_stream": "game streams",
    "move": "moves",
    "command": "aborts and claims",
    "challenge": "challenges",
    "bot_game": "games against bots",
    "account": "list of games",
}
"""How people call what has to wait."""
GAP: Final = 2
"""Columns between two columns of a table of rich."""


def render_table(bot: Statistics) -> RenderableType:
    """The live status: a headline, and a row for each game."""
    headline = Text(_headline(bot), style="bold")
    parts: list[RenderableType] = [headline]
    if bot.problem:
        parts.append(Text(bot.problem, style="red"))
    if bot.limits:
        parts.append(Text(_limits(bot.limits), style="yellow"))
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
    """What Lichess makes us wait for: a day at most, so the time of day says it all."""
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

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table(header_style="dim", box=None, pad_edge=False)
        columns = self._fitting(options.max_width)
        for column in columns:
            table.add_column(column, no_wrap=True)
        for row in self.rows:
            table.add_row(*(Text(row[column]) for column in columns))  # names are no markup
        yield table

    def _fitting(self, width: int) -> Sequence[str]:
        columns = list(self.rows[0])
        for spare in SPARE_COLUMNS:
            if self._width(columns) > width:
                columns.remove(spare)
        return columns

    def _width(self, columns: Sequence[str]) -> int:
        cells = (max(cell_len(text) for text in self._column(name)) for name in columns)
        return sum(cells) + GAP * (len(columns) - 1)

    def _column(self, name: str) -> Sequence[str]:
        return [name, *(row[name] for row in self.rows)]


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
