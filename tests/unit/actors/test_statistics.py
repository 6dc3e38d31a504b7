"""The one picture of a running bot."""

import json
from typing import Any

from actors.messages import Description, GameUpdate, Progress
from actors.worker_set.gauges import Gauges
from actors.worker_set.registry import Registry
from actors.worker_set.statistics import statistics
from crabstick.rules.cluster_view import NodeView
from crabstick.rules.model import ActorName, GameId
from crabstick.telemetry.metrics import Ledger
from tests.builders import seconds
from tests.unit.actors.configs import BOT, a_config

NOW = seconds(100)
GAME = GameId("abcdefgh")
A = ActorName("engine:a")


def a_picture(registry: Registry, *nodes: NodeView, problem: str = "") -> Any:
    gauges = Gauges(Ledger(), NOW.total_seconds)
    picture = statistics(a_config(), registry, nodes, gauges, problem=problem)
    return json.loads(json.dumps(picture))


def a_roster() -> Registry:
    """One game that is played, one that waits, and one actor that starts."""
    registry = Registry()
    registry.hear_of(GameUpdate(game=GAME, opponent="Alice", speed="blitz"))
    registry.hear_of(GameUpdate(game="waiting1", opponent="Bob", speed="rapid"))
    member = registry.enter(A, NOW)
    told = Description(name=A, node="n1", pid=1, fingerprint="f", phase="standby")
    registry.hear_from(member, told, NOW)
    registry.assign(GAME, A, NOW)
    progress = Progress(opponent="BOT Alice", ply=7)
    registry.hear_from(member, told.model_copy(update={"progress": progress}), NOW)
    registry.enter(ActorName("engine:b"), NOW)
    return registry


def test_it_says_whose_it_is_and_what_is_wrong() -> None:
    picture = a_picture(Registry(), problem="there is no Lichess token")
    assert (picture["bot"], picture["problem"]) == (BOT, "there is no Lichess token")


def test_each_game_shows_its_actor_and_how_it_stands() -> None:
    played, waiting = a_picture(a_roster())["games"]
    assert (played["actor"], played["node"], played["opponent"], played["ply"]) == (
        A,
        "n1",
        "BOT Alice",
        7,
    )
    assert (waiting["actor"], waiting["node"], waiting["opponent"]) == (None, None, "Bob")


def test_the_ledger_that_it_shows_has_the_gauges_of_this_moment() -> None:
    values = a_picture(a_roster(), problem="no token")["ledger"]["values"]
    assert values["crabstick_games"] == {"playing": 1, "waiting": 1}
    assert values["crabstick_problem"] == {"": 1}


def test_every_actor_is_shown_with_its_node_or_none() -> None:
    assert a_picture(a_roster())["actors"] == [
        {"name": A, "phase": "playing", "node": "n1"},
        {"name": "engine:b", "phase": "starting", "node": ""},
    ]
