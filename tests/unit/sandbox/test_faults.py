"""Faults: which calls and streams they affect, how often, and how invalid ones are refused."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from crabstick.sandbox.errors import ApiError
from crabstick.sandbox.faults import Faults, RateLimit, ServerError
from crabstick.sandbox.streams import Hub, Reader, Stream
from tests.unit.sandbox.worlds import NOON_MS, a_bearer, a_game, a_world

MOVE = ("move", "POST", "/api/bot/game/abcdefgh/move/e2e4")
WHO = ("crabstick", "abcdefgh")


def some_faults() -> Faults:
    return Faults(["move", "event-stream", "game-stream", "account"])


def arm(faults: Faults, streams: Iterable[Stream] = (), /, **fields: object) -> Any:
    return faults.arm(json.dumps(fields).encode(), streams, NOON_MS)


def test_a_fault_hits_as_often_as_it_says() -> None:
    faults = some_faults()
    arm(faults, kind="rate-limit", endpoint="move", times=2, retry_after_s=3)
    affected = [faults.take(*MOVE, WHO) for _ in range(3)]
    assert [type(fault) for fault in affected] == [RateLimit, RateLimit, type(None)]
    assert faults.armed(NOON_MS) == []


@pytest.mark.parametrize(
    "selector",
    [
        {},
        {"endpoint": "move"},
        {"method": "post"},
        {"path": "/api/bot/game/*/move/*"},
        {"user": "Crabstick"},
        {"game": "abcdefgh"},
    ],
)
def test_a_matching_selector_hits(selector: dict[str, str]) -> None:
    faults = some_faults()
    arm(faults, kind="server-error", status=503, **selector)
    fault = faults.take(*MOVE, WHO)
    assert isinstance(fault, ServerError)
    assert fault.status == 503


@pytest.mark.parametrize(
    "selector",
    [
        {"endpoint": "account"},
        {"method": "GET"},
        {"path": "/api/challenge/*"},
        {"user": "sparring1"},
        {"game": "hgfedcba"},
    ],
)
def test_a_selector_that_does_not_match_waits(selector: dict[str, str]) -> None:
    faults = some_faults()
    arm(faults, kind="server-error", **selector)
    assert faults.take(*MOVE, WHO) is None
    assert len(faults.armed(NOON_MS)) == 1


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            {"kind": "flood"},
            "'flood' found using 'kind' does not match any of the expected tags: 'rate-limit'",
        ),
        ({}, "'kind'"),
        ({"kind": "cut", "times": 2}, "fault.cut.times: "),
        ({"kind": "cut", "how": "gently"}, "how: "),
        ({"kind": "rate-limit", "times": 0}, "times: "),
        ({"kind": "server-error", "status": 404}, "status: "),
        ({"kind": "silence", "seconds": -1}, "seconds: "),
        ({"kind": "rate-limit", "endpoint": "moves"}, "endpoint 'moves' is not one of account"),
        ([], "fault: "),
    ],
)
def test_nonsense_is_refused_in_one_sentence(body: object, sentence: str) -> None:
    with pytest.raises(ApiError) as error:
        some_faults().arm(json.dumps(body).encode(), [], NOON_MS)
    assert error.value.status == 400
    assert sentence in error.value.reason
    assert "\n" not in error.value.reason


def two_readers() -> tuple[Reader, Reader]:
    game = a_game(a_world())
    bearer = a_bearer("crabstick", "crabstick")
    event = Reader("event", "crabstick", bearer, "")
    return event, Reader("game", game.id, bearer, "", game)


def test_silence_lasts_until_it_is_healed() -> None:
    hub = Hub(a_world(), lambda: NOON_MS)
    event, play = (hub.open(reader) for reader in two_readers())
    faults = some_faults()
    number = arm(faults, hub, kind="silence", endpoint="event-stream")["fault"]
    assert event.silent_until_ms == float("inf")
    assert play.silent_until_ms == 0
    assert faults.armed(NOON_MS) == [
        {"fault": number, "kind": "silence", "endpoint": "event-stream", "new_streams": False}
    ]
    faults.heal(hub, number)
    assert event.silent_until_ms == 0
    assert faults.armed(NOON_MS) == []


def test_silence_can_take_the_streams_that_open_later_too() -> None:
    hub = Hub(a_world(), lambda: NOON_MS)
    faults = some_faults()
    arm(faults, hub, kind="silence", new_streams=True, seconds=5)
    stream = hub.open(two_readers()[0])
    faults.apply_to_new(stream, NOON_MS)
    assert stream.silent_until_ms == NOON_MS + 5_000
    later = hub.open(two_readers()[1])
    faults.apply_to_new(later, NOON_MS + 6_000)
    assert later.silent_until_ms == 0
