"""Streams: buffers of 32 lines, replacement, empty lines, silence and ends."""

from collections.abc import Callable

import chess
import pytest

from crabstick.sandbox.state import SandboxGame, World
from crabstick.sandbox.streams import (
    BUFFERED_LINES,
    Hub,
    Message,
    Reader,
    Stream,
    StreamKind,
)
from tests.unit.sandbox.worlds import NOON_MS, a_bearer, a_game, a_world

ONE, TWO = "one", "two"
"""Tokens."""


class Noon:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now_ms = NOON_MS

    def __call__(self) -> float:
        return self.now_ms


def a_hub(world: World, now_ms: Callable[[], float] = lambda: NOON_MS) -> Hub:
    return Hub(world, now_ms)


def a_reader(  # noqa: PLR0913  (a builder)
    kind: StreamKind = "event",
    *,
    user_id: str = "crabstick",
    token: str = ONE,
    user_agent: str = "agent/1",
    game: SandboxGame | None = None,
    color: chess.Color = chess.WHITE,
) -> Reader:
    place = user_id if game is None else game.id
    return Reader(kind, place, a_bearer(user_id, token), user_agent, game, color)


def a_line(text: bytes) -> Message:
    return Message("event", "crabstick", text)


def texts(stream: Stream) -> list[bytes]:
    return [line.text for line in stream.take()]


def test_a_slow_reader_loses_the_oldest_lines() -> None:
    stream = a_hub(a_world()).open(a_reader())
    for number in range(BUFFERED_LINES + 3):
        stream.push(a_line(b"%d" % number), NOON_MS)
    lines = texts(stream)
    assert (len(lines), lines[0], lines[-1]) == (32, b"3", b"34")


def test_a_second_event_stream_of_the_same_token_ends_the_first() -> None:
    hub = a_hub(a_world())
    first = hub.open(a_reader())
    other = hub.open(a_reader(token=TWO))
    second = hub.open(a_reader(user_agent="agent/2"))
    assert (first.why, other.why, second.why) == ("replaced", None, None)


def test_a_game_stream_is_replaced_by_the_same_player_and_user_agent_only() -> None:
    world = a_world()
    game = a_game(world)
    hub = a_hub(world)
    first = hub.open(a_reader("game", game=game))
    hub.open(a_reader("game", game=game, user_agent="agent/2"))
    hub.open(a_reader("game", game=game, user_id="sparring1", color=chess.BLACK))
    hub.open(a_reader("game", game=a_game(world)))
    assert first.why is None
    hub.open(a_reader("game", game=game))
    assert first.why == "replaced"


def test_lines_reach_the_streams_they_are_for() -> None:
    world = a_world()
    game = a_game(world)
    hub = a_hub(world)
    white = hub.open(a_reader("game", game=game))
    black = hub.open(a_reader("game", game=game, user_id="sparring1", color=chess.BLACK))
    events = hub.open(a_reader(), [b"hello"])
    hub.deliver(
        [
            Message("game", game.id, b"both", 1),
            Message("game", game.id, b"black", reader=chess.BLACK),
            Message("event", "crabstick", b"event"),
            Message("event", "nobody", b"lost"),
            Message("game", game.id, b"last", is_last=True),
            Message("game", game.id, b"too late", 2),
        ]
    )
    assert (texts(white), texts(black)) == ([b"both", b"last"], [b"both", b"black", b"last"])
    assert texts(events) == [b"hello", b"event"]
    assert (white.why, black.why, events.why) == ("over", "over", None)


def test_a_blank_line_comes_after_the_delay_and_again() -> None:
    stream = a_hub(a_world()).open(a_reader())
    due = [second for second in range(30) if stream.tick(NOON_MS + second * 1000)]
    assert due == [7, 14, 21, 28]


def test_a_silent_stream_loses_its_lines_until_the_silence_is_over() -> None:
    stream = a_hub(a_world()).open(a_reader(), [b"waiting"])
    stream.silence(NOON_MS + 10_000)
    stream.push(a_line(b"lost"), NOON_MS + 9_000)
    assert not stream.tick(NOON_MS + 9_000)
    stream.push(a_line(b"heard"), NOON_MS + 10_000)
    assert texts(stream) == [b"heard"]


def test_a_silent_stream_does_not_even_end() -> None:
    stream = a_hub(a_world()).open(a_reader())
    stream.silence(NOON_MS + 10_000)
    stream.end("over")
    assert not stream.is_over(NOON_MS + 9_000)
    assert stream.is_over(NOON_MS + 10_000)


def test_presence_and_ledger_follow_the_streams() -> None:
    world = a_world()
    game = a_game(world)
    noon = Noon()
    hub = a_hub(world, noon)
    stream = hub.open(a_reader("game", game=game))
    assert world.presence.away_ms("crabstick", game.id, NOON_MS, NOON_MS + 5_000) == 0
    noon.now_ms += 1_000
    hub.close(stream)
    hub.close(stream)
    assert world.presence.away_ms("crabstick", game.id, NOON_MS, NOON_MS + 5_000) == 4_000
    (row,) = world.ledger.ended_streams
    assert (row["why"], row["game"], row["ended_ms"]) == ("left", game.id, NOON_MS + 1_000)


@pytest.mark.parametrize("kind", ["event", "game", "challenge"])
def test_a_closed_stream_leaves_nothing_behind(kind: StreamKind) -> None:
    world = a_world()
    hub = a_hub(world)
    reader = a_reader(kind, game=a_game(world) if kind == "game" else None)
    stream = hub.open(reader)
    for _ in range(2):  # a lost answer closes twice
        hub.close(stream)
        assert hub._open == {}


def test_a_user_stays_online_for_ten_seconds_after_the_last_stream() -> None:
    world = a_world()
    noon = Noon()
    hub = a_hub(world, noon)
    stream = hub.open(a_reader())
    assert world.presence.is_online("crabstick", NOON_MS)
    hub.close(stream)
    assert world.presence.is_online("crabstick", NOON_MS + 9_000)
    assert not world.presence.is_online("crabstick", NOON_MS + 11_000)


def test_the_end_of_the_sandbox_ends_silent_streams_too() -> None:
    hub = a_hub(a_world())
    stream = hub.open(a_reader())
    stream.silence(NOON_MS + 10_000)
    hub.end_all()
    assert (stream.why, stream.is_over(NOON_MS)) == ("shutdown", True)
