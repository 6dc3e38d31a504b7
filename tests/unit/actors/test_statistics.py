"""The one picture of a running bot."""

import json
from typing import Any

from actors.gauges import Gauges
from actors.messages import Description, GameNews, Progress
from actors.roster import Roster
from actors.statistics import statistics
from crabstick.rules.cluster_view import NodeView
from crabstick.rules.model import ActorName, GameId
from crabstick.telemetry.metrics import Ledger
from tests.builders import seconds
from tests.unit.actors.births import BOT, a_birth

NOW = seconds(100)
GAME = GameId("abcdefgh")
A = ActorName("engine:a")


def a_picture(roster: Roster, *nodes: NodeView, problem: str = "") -> Any:
    gauges = Gauges(Ledger(), NOW.total_seconds)
    picture = statistics(a_birth(), roster, nodes, gauges, problem=problem)
    return json.loads(json.dumps(picture))


def a_roster() -> Roster:
    """One game that is played, one that waits, and one actor that starts."""
    roster = Roster()
    roster.hear_of(GameNews(game=GAME, opponent="Alice", speed="blitz"))
    roster.hear_of(GameNews(game="waiting1", opponent="Bob", speed="rapid"))
    member = roster.enter(A, NOW)
    told = Description(name=A, node="n1", pid=1, fingerprint="f", phase="standby")
    roster.hear_from(member, told, NOW)
    roster.assign(GAME, A, NOW)
    progress = Progress(opponent="BOT Alice", ply=7)
    roster.hear_from(member, told.model_copy(update={"progress": progress}), NOW)
    roster.enter(ActorName("engine:b"), NOW)
    return roster


def test_it_says_whose_it_is_and_what_is_wrong() -> None:
    picture = a_picture(Roster(), problem="there is no Lichess token")
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
