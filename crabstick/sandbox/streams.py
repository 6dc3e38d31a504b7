"""Open streams: who reads what, at most 32 waiting lines each, keep-alives, and their ends.

This is the meeting point of the pure world and the connections: rules return `Outgoing` values,
`Hub.deliver` puts them into the buffers, and `StreamReply` (in `wire.py`) writes them out.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

import chess

from crabstick.sandbox.ledger import StreamRecord
from crabstick.sandbox.messages import ChallengeDone, EventLine, GameEnd, GameLine, Outgoing
from crabstick.sandbox.render import encode
from crabstick.sandbox.state import Game, World

__all__ = ["BUFFERED_LINES", "Hub", "Line", "Reader", "Stream", "StreamKind"]

BUFFERED_LINES = 32
"""How many lines wait for a slow reader; then the oldest is dropped. Source: Lichess."""

StreamKind: TypeAlias = Literal["event", "game", "challenge"]


@dataclass(frozen=True, slots=True)
class Line:
    """A line in a buffer; `ply` >= 0 when it shows the moves of a game up to there."""

    text: bytes
    ply: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who opened a stream, and what for."""

    kind: StreamKind
    user_id: str
    token: str
    user_agent: str
    game: Game | None = None
    color: chess.Color = chess.WHITE
    challenge_id: str = ""

    @property
    def game_id(self) -> str:
        """The game of a game stream, else nothing."""
        return "" if self.game is None else self.game.id


class Stream:
    """One open stream: a buffer that its connection empties.

    Args:
        reader: whose it is.
        now_ms: when it was opened.
        keep_alive: how long it may say nothing.
    """

    def __init__(self, reader: Reader, now_ms: float, keep_alive: timedelta) -> None:
        self.reader = reader
        self.opened_ms = now_ms
        self.why: str | None = None
        """Why it ends; None while it is open."""
        self.is_reset = False
        """Whether its connection is to be torn instead of ended."""
        self.silent_until_ms = 0.0
        self._lines: deque[Line] = deque(maxlen=BUFFERED_LINES)
        self._keep_alive_ms = keep_alive / timedelta(milliseconds=1)
        self._next_blank_ms = now_ms + self._keep_alive_ms
        self._wake = asyncio.Event()

    def push(self, line: Line, now_ms: float) -> None:
        """Add a line; a silent or ended stream loses it."""
        if now_ms < self.silent_until_ms or self.why is not None:
            return
        self._lines.append(line)
        self._wake.set()

    def end(self, why: str, *, reset: bool = False) -> None:
        """Let it end after the lines that wait, or tear it at once."""
        if self.why is None or reset:
            self.why = self.why or why
            self.is_reset = reset
        self._wake.set()

    def silence(self, until_ms: float) -> None:
        """Say nothing until then, as if the path were dead; waiting lines are lost."""
        self.silent_until_ms = until_ms
        self._lines.clear()
        self._wake.set()

    def tick(self, now_ms: float) -> bool:
        """Send a blank line when one is due, and tell so; wake a stream whose silence is over."""
        if now_ms < self.silent_until_ms:
            return False
        if self.why is not None:
            self._wake.set()
        if now_ms < self._next_blank_ms:
            return False
        self._next_blank_ms = now_ms + self._keep_alive_ms
        if not self._lines:
            self.push(Line(b""), now_ms)
        return True

    def is_over(self, now_ms: float) -> bool:
        """Tell whether the body ends here; a silent stream does not even say that."""
        if self.why is None:
            return False
        return self.is_reset or now_ms >= self.silent_until_ms

    def take(self) -> tuple[Line, ...]:
        """Take the lines that wait."""
        lines = tuple(self._lines)
        self._lines.clear()
        return lines

    async def wait(self) -> None:
        """Wait until there is something to do."""
        await self._wake.wait()
        self._wake.clear()

    def record(self, ended_ms: float | None) -> StreamRecord:
        """Describe it for the ledger."""
        reader = self.reader
        return StreamRecord(
            kind=reader.kind,
            user=reader.user_id,
            game=reader.game_id or reader.challenge_id or None,
            user_agent=reader.user_agent,
            opened_ms=self.opened_ms,
            ended_ms=ended_ms,
            why=self.why,
        )


class Hub:
    """All open streams of a sandbox.

    Args:
        world: its presence and ledger are told of streams.
        now_ms: the clock.
    """

    def __init__(self, world: World, now_ms: Callable[[], float]) -> None:
        self._world = world
        self._now_ms = now_ms
        self._by_user: dict[str, list[Stream]] = {}
        self._by_game: dict[str, list[Stream]] = {}
        self._by_challenge: dict[str, list[Stream]] = {}

    def __iter__(self) -> Iterator[Stream]:
        for index in (self._by_user, self._by_game, self._by_challenge):
            for streams in list(index.values()):
                yield from list(streams)

    def open(self, reader: Reader, lines: Iterable[Line]) -> Stream:
        """Open a stream with its first lines; the one that it replaces ends."""
        now_ms = self._now_ms()
        for earlier in self._siblings(reader):
            if _replaces(reader, earlier.reader):
                earlier.end("replaced")
        stream = Stream(reader, now_ms, self._world.options.keep_alive)
        for line in lines:
            stream.push(line, now_ms)
        self._siblings(reader).append(stream)
        if reader.kind != "challenge":
            self._world.presence.arrive(reader.user_id, reader.game_id)
        return stream

    def close(self, stream: Stream) -> None:
        """Forget a stream whose connection is done."""
        siblings = self._siblings(stream.reader)
        if stream not in siblings:
            return
        siblings.remove(stream)
        if not siblings:
            index, key = self._place(stream.reader)
            del index[key]
        stream.why = stream.why or "left"
        now_ms = self._now_ms()
        self._world.ledger.ended_streams.append(stream.record(now_ms))
        if stream.reader.kind != "challenge":
            self._world.presence.leave(stream.reader.user_id, stream.reader.game_id, now_ms)

    def deliver(self, outgoing: Iterable[Outgoing]) -> None:
        """Put what the world says into the buffers of its readers."""
        now_ms = self._now_ms()
        for item in outgoing:
            match item:
                case GameLine(game_id, text, ply):
                    _push(self._readers_of(game_id, item), Line(text, ply), now_ms)
                case EventLine(user_id, text):
                    _push(self._by_user.get(user_id, ()), Line(text), now_ms)
                case GameEnd(game_id):
                    _end(self._by_game.get(game_id, ()))
                case ChallengeDone(challenge_id, outcome):
                    watching = self._by_challenge.get(challenge_id, ())
                    _push(watching, Line(encode({"done": outcome})), now_ms)
                    _end(watching)

    def end_all(self) -> None:
        """End everything: the sandbox stops."""
        for stream in self:
            stream.silent_until_ms = 0.0
            stream.end("shutdown")

    def is_watched(self, challenge_id: str) -> bool:
        """Tell whether a challenger keeps its challenge alive by a stream."""
        return bool(self._by_challenge.get(challenge_id))

    def _readers_of(self, game_id: str, line: GameLine) -> Iterable[Stream]:
        streams = self._by_game.get(game_id, ())
        if line.reader is None:
            return streams
        return [stream for stream in streams if stream.reader.color is line.reader]

    def _siblings(self, reader: Reader) -> list[Stream]:
        index, key = self._place(reader)
        return index.setdefault(key, [])

    def _place(self, reader: Reader) -> tuple[dict[str, list[Stream]], str]:
        match reader.kind:
            case "event":
                return self._by_user, reader.user_id
            case "game":
                return self._by_game, reader.game_id
            case "challenge":
                return self._by_challenge, reader.challenge_id


def _push(streams: Iterable[Stream], line: Line, now_ms: float) -> None:
    for stream in streams:
        stream.push(line, now_ms)


def _end(streams: Iterable[Stream]) -> None:
    for stream in streams:
        stream.end("over")


def _replaces(new: Reader, old: Reader) -> bool:
    """Tell whether opening a stream ends an older one.

    One event stream per token; one stream per player and User-Agent of a game.
    """
    if new.kind == "event":
        return new.token == old.token
    if new.kind == "game":
        return (new.user_id, new.user_agent) == (old.user_id, old.user_agent)
    return False
