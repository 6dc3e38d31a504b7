"""How a running bot looks on a terminal: the table of games and the line of figures above it."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

__all__ = ["Picture", "picture_of"]

Picture = Mapping[str, Any]
"""What the WorkerSet's `statistics` answers."""


def picture_of(picture: Picture) -> RenderableType:
    """The live status: a headline, and a row for each game."""
    headline = Text(_headline(picture), style="bold")
    problem = str(picture.get("problem") or "")
    parts: list[RenderableType] = [headline]
    if problem:
        parts.append(Text(problem, style="red"))
    games = cast("Sequence[Picture]", picture["games"])
    parts.append(_table(games) if games else Text("no games; waiting for challenges", "dim"))
    return Group(*parts)


def _headline(picture: Picture) -> str:
    phases = [actor["phase"] for actor in picture["actors"]]
    games = picture["games"]
    waiting = sum(game["actor"] is None for game in games)
    return (
        f"{picture['bot']}: {len(games)} games"
        f"{f' ({waiting} waiting for an actor)' if waiting else ''}, "
        f"{phases.count('standby')} on standby, {phases.count('starting')} starting"
    )


def _table(games: Sequence[Picture]) -> Table:
    table = Table(expand=False, header_style="dim", box=None, pad_edge=False)
    for column in ("game", "opponent", "clock", "ours", "theirs", "move"):
        table.add_column(column, no_wrap=True)
    for column in ("eval", "depth", "node", "actor"):
        table.add_column(column, no_wrap=True)
    for game in games:
        ours, theirs = game.get("white_ms"), game.get("black_ms")
        if game.get("color") == "black":
            ours, theirs = theirs, ours
        cells = (
            game["id"],
            game["opponent"],
            game.get("clock") or game["speed"],
            _clock(ours),
            _clock(theirs),
            _move(game),
            game.get("score", ""),
            str(game.get("depth") or ""),
            (game["node"] or "-")[:6],
            _actor(game),
        )
        table.add_row(*map(Text, cells))  # names are Lichess's, and no markup
    return table


def _move(game: Picture) -> str:
    ply = game.get("ply") or 0
    return f"{(ply + 1) // 2}{'.' if ply % 2 else '…'} {game['last_move']}" if ply else "-"


def _actor(game: Picture) -> str:
    times = game["takeovers"]
    name = (game["actor"] or "waiting").removeprefix("engine:")
    return f"{name} (takeover {times})" if times else name


def _clock(left_ms: int | None) -> str:
    if left_ms is None:
        return "-"
    minutes, tenths = divmod(round(left_ms / 100), 600)
    return f"{minutes}:{tenths / 10:04.1f}"
