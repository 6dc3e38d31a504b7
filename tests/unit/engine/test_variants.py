import chess
import chess.variant
import pytest
from chess.engine import Option

from engine.errors import UnsupportedGame
from engine.uci_engine import check_variant


def an_option(name: str, kind: str, *, var: list[str] | None = None) -> Option:
    return Option(name=name, type=kind, default=None, min=1, max=64, var=var)


def test_a_variant_is_played_when_the_engine_lists_it() -> None:
    offered = {"UCI_Variant": an_option("UCI_Variant", "combo", var=["chess", "atomic"])}
    check_variant("fish", chess.variant.AtomicBoard(), offered)  # and raises nothing


@pytest.mark.parametrize("var", [None, ["chess", "horde"]])
def test_a_variant_that_the_engine_does_not_list_is_refused(var: list[str] | None) -> None:
    offered = {"UCI_Variant": an_option("UCI_Variant", "combo", var=var)}
    with pytest.raises(UnsupportedGame, match="does not play the variant 'atomic'"):
        check_variant("fish", chess.variant.AtomicBoard(), offered)


def test_chess960_needs_its_option() -> None:
    board = chess.Board(chess960=True)
    with pytest.raises(UnsupportedGame, match="Chess960"):
        check_variant("fish", board, {})
    offered = {"UCI_Chess960": an_option("UCI_Chess960", "check")}
    check_variant("fish", board, offered)  # and raises nothing
