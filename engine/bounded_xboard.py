"""XBoard (CECP): a `BoundedProtocol` over python-chess's `XBoardProtocol`.

An engine must have the feature ping, and say `feature done=1`. Without setboard it plays games from
the usual position.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

import chess
import chess.variant
from chess.engine import (
    INFO_BASIC,
    INFO_SCORE,
    Limit,
    Option,
    PlayResult,
    XBoardProtocol,
    _parse_xboard_post,
)
from typing_extensions import override

from engine.bounded_protocol import MAX_LINE_BYTES, BoundedProtocol
from engine.errors import UnsupportedGame

_USEFUL_LINE = re.compile(
    rb"^[ \t]*(?:feature|move|pong|offer draw|resign|1-0|0-1|1/2-1/2|Illegal move|\d+[ \t]+-?\d"
    rb"|Error(?![^\r\n]*: *(?:post|easy|random|computer|\?)))[^\r\n]{0,%d}" % MAX_LINE_BYTES,
    re.MULTILINE,
)
"""Without the errors of commands that an engine need not know."""
_FISCHER_RANDOM = "fischerandom"


class BoundedXBoard(BoundedProtocol, XBoardProtocol):
    """An XBoard conversation with an engine that may write anything, at any rate."""

    stop_command = "?"
    _games = 0
    _has_setboard = False

    @override
    def useful_lines(self, block: bytes) -> list[bytes]:
        """The useful lines of `block`; of consecutive lines of thought only the last one."""
        kept: list[bytes] = []
        for line in _USEFUL_LINE.findall(block):
            if kept and _is_thought(line) and _is_thought(kept[-1]):
                kept.pop()
            kept.append(line)
        return kept

    @override
    def line_received(self, line: str) -> None:
        if _is_thought(line.encode()):
            variation = _parse_xboard_post(line, self.board, INFO_BASIC).get("pv")
            self.best_so_far = variation[0].uci() if variation else ""

    @override
    def _line_received(self, line: str) -> None:
        if line.lstrip().startswith("feature"):
            self._has_setboard |= "setboard=1" in line
            line = line.replace("setboard=0", "")
        try:
            super()._line_received(line)
        except (ValueError, LookupError):  # python-chess's, from a feature that it cannot parse
            self.odd_options.append(line.strip()[:80])

    @cached_property
    def offered(self) -> Mapping[str, Option]:
        """The options, with the variants under their UCI names."""
        named = str(self.features.get("variants", "")).split(",")
        boards = [board for board in chess.variant.VARIANTS if board.xboard_variant in named]
        variants = dict.fromkeys(["chess", *(str(board.uci_variant) for board in boards)])
        options = {**self.options, "UCI_Variant": _an_option("UCI_Variant", [*variants])}
        if _FISCHER_RANDOM in named:
            options["UCI_Chess960"] = _an_option("UCI_Chess960")
        return options

    @override
    async def initialize(self) -> None:
        """Sends `xboard`, and collects the features."""
        self.features["setboard"] = 1  # or python-chess refuses the engine
        starting = self.loop.create_task(super().initialize())
        await asyncio.sleep(0)
        if self.command is not None:
            # python-chess would give up after two seconds.
            self.command.timeout_handle.cancel()  # type: ignore[attr-defined]
        await starting

    @override
    async def begin_game(self) -> None:
        self._games += 1
        await self.ping()

    @override
    async def search(self, board: chess.Board, limit: Limit) -> PlayResult:
        if not self._has_setboard and board.root() != chess.Board():
            raise UnsupportedGame("the engine has no setboard, and so cannot play this position")
        self.best_so_far = ""
        limit = replace(_in_whole_seconds(limit), clock_id=self._games)  # `level` once a game
        info = INFO_BASIC | INFO_SCORE
        return await self.play(board, limit, game=self._games, info=info)


def _is_thought(line: bytes) -> bool:
    return line.lstrip()[:1].isdigit() and not line.lstrip().startswith((b"1-0", b"0-1", b"1/2"))


def _an_option(name: str, var: list[str] | None = None) -> Option:
    return Option(name, "combo", None, None, None, var)


def _in_whole_seconds(limit: Limit) -> Limit:
    """The limit in the seconds that XBoard knows; many engines read no fractions."""
    return replace(
        limit,
        time=None if limit.time is None else max(1, int(limit.time)),
        white_inc=None if limit.white_inc is None else int(limit.white_inc),
        black_inc=None if limit.black_inc is None else int(limit.black_inc),
    )
