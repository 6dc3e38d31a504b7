"""Messages between processes: plain, versioned, checked."""

import json
from typing import Any

import chess
import pytest

from actors.messages import (
    ActorConfig,
    Assignment,
    Claim,
    Description,
    GameUpdate,
    ListenerStatus,
    LoadAnswer,
    Message,
    Outcome,
    Ownership,
    Report,
    WorkerSetDescription,
    WrongProtocol,
)
from crabstick.rules.lichess_types import GameId, GameSummary, LichessPlayer
from tests.builders import seconds

EXAMPLES: list[Message] = [
    ActorConfig(name="a", namespace="n", bot="b", fingerprint="f", settings={"v": 1}),
    Assignment(game="abcdefgh", epoch=2, takeovers=1, engine="embedded"),
    Description(name="a", node="n", pid=1, fingerprint="f", phase="playing", game="g", epoch=1),
    Outcome(name="a", game="g", epoch=1, reason="finished", status="mate", result="won"),
    Claim(game="g", actor="a", epoch=1),
    GameUpdate(game="g", opponent="Alice", left_ms=9000),
    WorkerSetDescription(bot="b", fingerprint="f", settings={"v": 1, "settings": {}}),
    LoadAnswer(games=("g",), room=3, limits={"challenge": 1_700_000_000_000}),
    Ownership(owner=None, limits={"command": 1_700_000_000_000}),
    Report(
        sender="a", counts=(("m", None, 1),), samples=(("s", 0.5),), hearing=ListenerStatus(age_s=1)
    ),
]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_a_message_reads_back_from_plain_json(message: Message) -> None:
    assert type(message).read(json.loads(json.dumps(message.pack()))) == message


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_added_fields_of_a_newer_peer_are_ignored(message: Message) -> None:
    assert type(message).read({**message.pack(), "added": "later"}) == message


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ({"v": 2, "game": "g", "actor": "a", "epoch": 1}, "Claim: v: "),
        ({"v": 1, "actor": "a", "epoch": 1}, "Claim: game: Field required"),
        ({}, "Claim: game: "),
        (None, "Claim: : "),
        ({"game": "g", "actor": "a", "epoch": "soon"}, "Claim: epoch: "),
    ],
)
def test_a_bad_message_is_refused_in_one_sentence(message: Any, why: str) -> None:
    with pytest.raises(WrongProtocol, match="this process speaks protocol 1") as caught:
        Claim.read(message)
    assert str(caught.value).startswith(why)


def test_a_refusal_does_not_repeat_the_value() -> None:
    with pytest.raises(WrongProtocol) as caught:
        Claim.read({"game": "g", "actor": "a", "epoch": "secret"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("is_my_turn", "left_ms"), [(True, 9000), (False, None)])
def test_an_update_has_our_clock_while_it_runs(is_my_turn: bool, left_ms: int | None) -> None:  # noqa: FBT001 -- both cases
    game = GameSummary(
        id=GameId("abcdefgh"),
        color=chess.WHITE,
        opponent=LichessPlayer(name="Alice", title="BOT"),
        speed="blitz",
        is_my_turn=is_my_turn,
        time_left=seconds(9),
    )
    assert GameUpdate.of(game) == GameUpdate(
        game="abcdefgh", opponent="BOT Alice", speed="blitz", left_ms=left_ms
    )
