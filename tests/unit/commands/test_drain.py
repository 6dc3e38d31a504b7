"""What `crabstick drain` prints while a node empties."""

from actors.messages import ActorRow, GameRow, Statistics
from crabstick.commands.drain import LEAVING_TAKES, DrainProgress
from crabstick.rules.cluster_view import ClusterNode
from crabstick.rules.lichess_types import NodeId

NODE = ClusterNode(id=NodeId("ab11" * 14), names=("10.0.0.2", "worker-1"), slots=4)
ENDS_S = 100.0
LONG_S = LEAVING_TAKES.total_seconds() + 1


def statistics(games: int = 0, *, standbys: int = 0, elsewhere: int = 1) -> Statistics:
    nodes = [NODE.id] * games + ["other"] * elsewhere + [None]
    actors = [*nodes, *[NODE.id] * standbys]
    return Statistics(
        bot="crabby",
        games=tuple(GameRow(id="abcdefgh", node=node) for node in nodes),
        actors=tuple(ActorRow(name="a", phase="playing", node=node or "") for node in actors),
    )


def test_the_games_are_counted_down() -> None:
    progress = DrainProgress(NODE, ENDS_S)
    said = [progress.update(statistics(games), 0) for games in (2, 2, 1, 0)]
    assert said == [["2 games to hand over …"], [], ["1 game to hand over …"], ["no game is left"]]


def test_the_end_of_the_time_is_said_once() -> None:
    progress = DrainProgress(NODE, ENDS_S)
    said = [progress.update(statistics(1), now_s) for now_s in (99, 101, 102)]
    assert [len(lines) for lines in said] == [1, 1, 0]
    assert said[1][0].startswith("the time is up")


def test_an_empty_node_that_stays_ends_the_drain() -> None:
    progress = DrainProgress(NODE, ENDS_S)
    progress.update(statistics(1), 0)
    progress.update(statistics(0), 1)
    assert not progress.is_done
    assert "something else keeps it" in progress.update(statistics(0), 1 + LONG_S)[-1]
    assert progress.is_done


def test_a_node_with_a_standby_of_ours_is_not_empty() -> None:
    progress = DrainProgress(NODE, ENDS_S)
    for now_s in (0.0, LONG_S, 2 * LONG_S):
        progress.update(statistics(0, standbys=1), now_s)
    assert not progress.is_done
