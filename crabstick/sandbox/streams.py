"""Messages for streams, and open streams: buffers of at most 32 lines, keep-alives, and ends.

Streams connect the pure world with connections: operations return `StreamMessage` values,
`Hub.deliver` puts their lines into the buffers, and `StreamReply` (in `asgi.py`) sends the lines.
Lines do not include the line feed.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

import chess

from crabstick.sandbox.accounts import Bearer
from crabstick.sandbox.lichess_json import encode
from crabstick.sandbox.state import SandboxGame, StreamRecord, World

BUFFERED_LINES = 32
"""Lines buffered for a slow reader; then the oldest is dropped. Source: Lichess."""

StreamKind: TypeAlias = Literal["event", "game", "challenge"]


@dataclass(frozen=True, slots=True)
class EventMessage:
    """A line for the event streams of one user."""

    user_id: str
    text: bytes


@dataclass(frozen=True, slots=True)
class GameMessage:
    """A line for the streams of a game; `ply` counts the moves in the line."""

    game_id: str
    text: bytes
    ply: int
    """-1 for lines without moves."""
    reader: bool | None = None
    """The colour that gets the line; None for both."""


@dataclass(frozen=True, slots=True)
class GameStreamEnd:
    """Ends the streams of a game, after earlier lines."""

    game_id: str


@dataclass(frozen=True, slots=True)
class ChallengeOutcome:
    """Ends the keep-alive stream of a challenge, with its outcome."""

    challenge_id: str
    outcome: str


StreamMessage: TypeAlias = EventMessage | GameMessage | GameStreamEnd | ChallengeOutcome


@dataclass(frozen=True, slots=True)
class StreamLine:
    """A line in a buffer; `ply` >= 0 if it shows the moves of a game up to that ply."""

    text: bytes
    ply: int = -1


@dataclass(frozen=True, slots=True)
class Reader:
    """The reader of a stream."""

    kind: StreamKind
    bearer: Bearer
    user_agent: str
    game: SandboxGame | None = None
    color: chess.Color = chess.WHITE
    challenge_id: str = ""

    @property
    def user_id(self) -> str:
        """The id of the reader's account."""
        return self.bearer.user_id

    @property
    def game_id(self) -> str:
        """The id of the game for a game stream, else an empty string."""
        return "" if self.game is None else self.game.id

    @property
    def place(self) -> str:
        """The id of what the stream shows: a user, a game or a challenge."""
        return self.game_id or self.challenge_id or self.user_id


class Stream:
    """One open stream: a buffer that its connection empties.

    Args:
        reader: the reader.
        now_ms: when the stream was opened.
        keep_alive: how often an idle stream sends an empty line.
    """

    def __init__(self, reader: Reader, now_ms: float, keep_alive: timedelta) -> None:
        self.reader = reader
        self.opened_ms = now_ms
        self.why: str | None = None
        """Why the stream ended; None while open."""
        self.is_reset = False
        """Whether the connection is to be reset."""
        self.silent_until_ms = 0.0
        self._lines: deque[StreamLine] = deque(maxlen=BUFFERED_LINES)
        self._keep_alive_ms = keep_alive / timedelta(milliseconds=1)
        self._next_blank_ms = now_ms + self._keep_alive_ms
        self._wake = asyncio.Event()

    def push(self, line: StreamLine, now_ms: float) -> None:
        """Adds a line; a silent or ended stream drops it."""
        if now_ms < self.silent_until_ms or self.why is not None:
            return
        self._lines.append(line)
        self._wake.set()

    def end(self, why: str, *, reset: bool = False) -> None:
        """Ends the stream after its buffered lines, or resets the connection at once."""
        if self.why is None or reset:
            self.why = self.why or why
            self.is_reset = reset
        self._wake.set()

    def silence(self, until_ms: float) -> None:
        """Sends nothing until `until_ms`, as if the network were dead; drops buffered lines."""
        self.silent_until_ms = until_ms
        self._lines.clear()
        self._wake.set()

    def tick(self, now_ms: float) -> bool:
        """Sends an empty line when due, and returns True then; wakes a stream after its silence."""
        if now_ms < self.silent_until_ms:
            return False
        if self.why is not None:
            self._wake.set()
        if now_ms < self._next_blank_ms:
            return False
        self._next_blank_ms = now_ms + self._keep_alive_ms
        if not self._lines:
            self.push(StreamLine(b""), now_ms)
        return True

    def is_over(self, now_ms: float) -> bool:
        """Whether the body ends here; a silent stream does not even end."""
        if self.why is None:
            return False
        return self.is_reset or now_ms >= self.silent_until_ms

    def take(self) -> tuple[StreamLine, ...]:
        """Takes the buffered lines."""
        lines = tuple(self._lines)
        self._lines.clear()
        return lines

    async def wait(self) -> None:
        """Waits until there is something to do."""
        await self._wake.wait()
        self._wake.clear()

    def record(self, ended_ms: float | None) -> StreamRecord:
        """The stream as a row of the ledger."""
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
        world: its presence and ledger record the streams.
        now_ms: the clock.
    """

    def __init__(self, world: World, now_ms: Callable[[], float]) -> None:
        self._world = world
        self._now_ms = now_ms
        self._open: dict[StreamKind, dict[str, list[Stream]]]
        self._open = {"event": {}, "game": {}, "challenge": {}}
        """The streams by kind, and then by user, game or challenge."""

    def __iter__(self) -> Iterator[Stream]:
        for places in self._open.values():
            for streams in list(places.values()):
                yield from list(streams)

    def open(self, reader: Reader, lines: Iterable[StreamLine]) -> Stream:
        """Opens a stream with its first lines, and ends the stream that it replaces."""
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
        """Removes a stream whose connection is closed; idempotent."""
        siblings = self._open[stream.reader.kind].get(stream.reader.place, [])
        if stream not in siblings:
            return
        siblings.remove(stream)
        if not siblings:
            del self._open[stream.reader.kind][stream.reader.place]
        stream.why = stream.why or "left"
        now_ms = self._now_ms()
        self._world.ledger.ended_streams.append(stream.record(now_ms))
        if stream.reader.kind != "challenge":
            self._world.presence.leave(stream.reader.user_id, stream.reader.game_id, now_ms)

    def deliver(self, messages: Iterable[StreamMessage]) -> None:
        """Puts messages into the buffers of their readers."""
        now_ms = self._now_ms()
        for item in messages:
            match item:
                case GameMessage(game_id, text, ply):
                    _push(self._readers_of(game_id, item), StreamLine(text, ply), now_ms)
                case EventMessage(user_id, text):
                    _push(self._open["event"].get(user_id, ()), StreamLine(text), now_ms)
                case GameStreamEnd(game_id):
                    _end(self._open["game"].get(game_id, ()))
                case ChallengeOutcome(challenge_id, outcome):
                    watching = self._open["challenge"].get(challenge_id, ())
                    _push(watching, StreamLine(encode({"done": outcome})), now_ms)
                    _end(watching)

    def end_all(self) -> None:
        """Ends all streams: the sandbox stops."""
        for stream in self:
            stream.silent_until_ms = 0.0
            stream.end("shutdown")

    def is_watched(self, challenge_id: str) -> bool:
        """Whether the challenger keeps a challenge alive by a stream."""
        return bool(self._open["challenge"].get(challenge_id))

    def _readers_of(self, game_id: str, line: GameMessage) -> Iterable[Stream]:
        streams = self._open["game"].get(game_id, ())
        if line.reader is None:
            return streams
        return [stream for stream in streams if stream.reader.color is line.reader]

    def _siblings(self, reader: Reader) -> list[Stream]:
        return self._open[reader.kind].setdefault(reader.place, [])


def _push(streams: Iterable[Stream], line: StreamLine, now_ms: float) -> None:
    for stream in streams:
        stream.push(line, now_ms)


def _end(streams: Iterable[Stream]) -> None:
    for stream in streams:
        stream.end("over")


def _replaces(new: Reader, old: Reader) -> bool:
    """Whether opening a stream ends an older one.

    A token has one event stream; a game has one stream per player and User-Agent.
    """
    if new.kind == "event":
        return new.bearer.token == old.bearer.token
    if new.kind == "game":
        return (new.user_id, new.user_agent) == (old.user_id, old.user_agent)
    return False
