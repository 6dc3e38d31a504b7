"""XBoard (CECP): a `BoundedProtocol` over python-chess's `XBoardProtocol`.

An engine must have the feature ping, and say `feature done=1`. Without setboard it plays games from
the usual position.
"""

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import chess
import chess.variant
from chess.engine import (
    INFO_BASIC,
    INFO_SCORE,
    Option,
    PlayResult,
    XBoardProtocol,
    _parse_xboard_option,
)
from typing_extensions import override

from engine.bounded_protocol import MAX_LINE_BYTES, BoundedProtocol
from engine.errors import UnsupportedGame
from engine.interface import SearchRequest

_USEFUL_LINE = re.compile(
    rb"^[ \t]*(?:feature|move|pong|offer draw|resign|1-0|0-1|1/2-1/2|Illegal move|\d+[ \t]+-?\d"
    rb"|Error(?!.*: *(?:post|easy|random|computer|isready|\?)))[^\r\n]{0,%d}" % MAX_LINE_BYTES,
    re.MULTILINE,
)
"""Without the errors of commands that an engine need not know."""
_OPTION = re.compile(r"""option=(["'])([^"']*? [^"']*?) -(\w+)(.*?)\1""")
"""An option with a space in its name, where python-chess would end the name."""


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
    def _line_received(self, line: str) -> None:
        self._has_setboard |= "feature" in line and "setboard=1" in line
        for spaced in _OPTION.finditer(line):
            _, name, kind, rest = spaced.groups()
            with suppress(ValueError, LookupError):
                option = _parse_xboard_option(f"_ -{kind.replace('slider', 'spin')}{rest}")
                self.options[name] = replace(option, name=name)
                line = line.replace(spaced[0], "")
        super()._line_received(line.replace("setboard=0", ""))

    @property
    @override
    def offered(self) -> Mapping[str, Option]:
        """The options, with the variants under their UCI names."""
        named = str(self.features.get("variants", "")).split(",")
        boards = [board for board in chess.variant.VARIANTS if board.xboard_variant in named]
        variants = ["chess", *(str(board.uci_variant) for board in boards)]
        games = {"UCI_Variant": Option("UCI_Variant", "combo", None, None, None, variants)}
        if "fischerandom" in named:
            games["UCI_Chess960"] = Option("UCI_Chess960", "check", None, None, None, None)
        return {**self.options, **games}

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
    async def search(self, request: SearchRequest) -> PlayResult:
        board, limit = request.board, request.limit
        if not self._has_setboard and board.root() != chess.Board():
            raise UnsupportedGame("the engine has no setboard, and so cannot play this position")
        limit = replace(  # many engines read no fractions of a second
            limit,
            time=limit.time and max(1, int(limit.time)),
            white_inc=limit.white_inc and int(limit.white_inc),
            black_inc=limit.black_inc and int(limit.black_inc),
            clock_id=self._games,  # `level` once a game
        )
        info = INFO_BASIC | INFO_SCORE
        return await self.play(board, limit, game=self._games, info=info)


def _is_thought(line: bytes) -> bool:
    return line.lstrip()[:1].isdigit() and not line.lstrip().startswith((b"1-0", b"0-1", b"1/2"))
