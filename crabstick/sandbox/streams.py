"""Messages for streams, and open streams: buffers of at most 32 lines, keep-alives, and ends.

Streams connect the pure world with connections: operations return `Message` values, `Hub.deliver`
puts these lines into the buffers, and `StreamReply` (in `asgi.py`) sends the lines. Lines do not
include the line feed.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

import chess

from crabstick.sandbox.accounts import Bearer
from crabstick.sandbox.errors import JsonObject
from crabstick.sandbox.state import SandboxGame, World

BUFFERED_LINES = 32
"""Lines buffered for a slow reader; then the oldest is dropped. Source: Lichess."""

StreamKind: TypeAlias = Literal["event", "game", "challenge"]


@dataclass(frozen=True, slots=True)
class Message:
    """A line for the open streams of a user, of a game or of a challenge."""

    kind: StreamKind
    place: str
    """The id of the user, game or challenge."""
    text: bytes
    ply: int = -1
    """How many moves of a game the line shows; -1 for lines without moves."""
    reader: chess.Color | None = None
    """The player who gets the line; None for both."""
    is_last: bool = False
    """Whether the streams end after the line."""


@dataclass(frozen=True, slots=True)
class Reader:
    """The reader of a stream."""

    kind: StreamKind
    place: str
    """The id of what the stream shows: a user, a game or a challenge."""
    bearer: Bearer
    user_agent: str
    game: SandboxGame | None = None
    color: chess.Color = chess.WHITE

    @property
    def user_id(self) -> str:
        """The id of the reader's account."""
        return self.bearer.account.id

    @property
    def game_id(self) -> str:
        """The id of the game for a game stream, else an empty string."""
        return "" if self.game is None else self.game.id


class Stream:
    """One open stream: a buffer that its connection empties; idle, it sends empty lines."""

    def __init__(self, reader: Reader, now_ms: float, keep_alive: timedelta) -> None:
        self.reader = reader
        self.opened_ms = now_ms
        self.why: str | None = None
        """Why the stream ended; None while open."""
        self.is_reset = False
        """Whether the connection is to be reset."""
        self.silent_until_ms = 0.0
        self._lines: deque[Message] = deque(maxlen=BUFFERED_LINES)
        self._keep_alive_ms = keep_alive / timedelta(milliseconds=1)
        self._next_blank_ms = now_ms + self._keep_alive_ms
        self._wake = asyncio.Event()

    def push(self, line: Message, now_ms: float) -> None:
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
            self.push(Message(self.reader.kind, self.reader.place, b""), now_ms)
        return True

    def is_over(self, now_ms: float) -> bool:
        """Whether the body ends here; a silent stream does not even end."""
        if self.why is None:
            return False
        return self.is_reset or now_ms >= self.silent_until_ms

    def take(self) -> tuple[Message, ...]:
        """Takes the buffered lines."""
        lines = tuple(self._lines)
        self._lines.clear()
        return lines

    async def wait(self) -> None:
        """Waits until there is something to do."""
        await self._wake.wait()
        self._wake.clear()

    def record(self, ended_ms: float | None) -> JsonObject:
        """The stream as a row of the ledger; `ended_ms` is None while the stream is open."""
        reader = self.reader
        return {
            "kind": reader.kind,
            "user": reader.user_id,
            "game": None if reader.kind == "event" else reader.place,
            "user_agent": reader.user_agent,
            "opened_ms": self.opened_ms,
            "ended_ms": ended_ms,
            "why": self.why,
        }


class Hub:
    """All open streams of a sandbox; presence and ledger of the world record them."""

    def __init__(self, world: World, now_ms: Callable[[], float]) -> None:
        self._world = world
        self.now_ms = now_ms
        self._open: dict[tuple[StreamKind, str], list[Stream]] = {}
        """The streams by what they show: a user, a game or a challenge."""

    def __iter__(self) -> Iterator[Stream]:
        return iter([stream for streams in self._open.values() for stream in streams])

    def open(self, reader: Reader, lines: Iterable[bytes] = (), ply: int = -1) -> Stream:
        """Opens a stream with its first lines, and ends the stream that it replaces."""
        now_ms = self.now_ms()
        siblings = self._open.setdefault((reader.kind, reader.place), [])
        for earlier in siblings:
            if _replaces(reader, earlier.reader):
                earlier.end("replaced")
        stream = Stream(reader, now_ms, self._world.options.keep_alive)
        for line in lines:
            stream.push(Message(reader.kind, reader.place, line, ply), now_ms)
        siblings.append(stream)
        if reader.kind != "challenge":
            self._world.presence.arrive(reader.user_id, reader.game_id)
        return stream

    def close(self, stream: Stream) -> None:
        """Removes a stream whose connection is closed; idempotent."""
        place = (stream.reader.kind, stream.reader.place)
        siblings = self._open.get(place, [])
        if stream not in siblings:
            return
        siblings.remove(stream)
        if not siblings:
            del self._open[place]
        stream.why = stream.why or "left"
        now_ms = self.now_ms()
        self._world.ledger.ended_streams.append(stream.record(now_ms))
        if stream.reader.kind != "challenge":
            self._world.presence.leave(stream.reader.user_id, stream.reader.game_id, now_ms)

    def deliver(self, messages: Iterable[Message]) -> None:
        """Puts messages into the buffers of their readers."""
        now_ms = self.now_ms()
        for message in messages:
            for stream in self._open.get((message.kind, message.place), ()):
                if message.reader is None or message.reader is stream.reader.color:
                    stream.push(message, now_ms)
                    if message.is_last:
                        stream.end("over")

    def end_all(self) -> None:
        """Ends all streams: the sandbox stops."""
        for stream in self:
            stream.silent_until_ms = 0.0
            stream.end("shutdown")

    def is_watched(self, challenge_id: str) -> bool:
        """Whether the challenger keeps a challenge alive by a stream."""
        return ("challenge", challenge_id) in self._open


def _replaces(new: Reader, old: Reader) -> bool:
    """Whether opening a stream ends an older one.

    A token has one event stream; a game has one stream per player and User-Agent.
    """
    if new.kind == "event":
        return new.bearer.token == old.bearer.token
    if new.kind == "game":
        return (new.user_id, new.user_agent) == (old.user_id, old.user_agent)
    return False
