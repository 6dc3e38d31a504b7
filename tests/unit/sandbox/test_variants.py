"""The ten variants: python-chess is the referee of every position, ending and export."""

import io
import json
import random
from collections import Counter

import chess
import chess.pgn
import chess.variant
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crabstick.sandbox import games
from crabstick.sandbox.challenge_form import Terms, read_terms
from crabstick.sandbox.challenges import _settled
from crabstick.sandbox.errors import ApiError
from crabstick.sandbox.game_export import export_json, export_pgn
from crabstick.sandbox.lichess_json import game_full, game_json
from crabstick.sandbox.move_policies import greedy, random_mover
from crabstick.sandbox.options import Options
from crabstick.sandbox.state import SandboxGame, World
from crabstick.sandbox.vocabulary import VARIANTS
from tests.unit.sandbox.worlds import NOON_MS, a_game, a_world, move, play_out, terms

SITE = "https://chess.example"
CASTLES_960 = "1r3k1r/pppppppp/8/8/8/8/PPPPPPPP/1R3K1R b HBhb - 3 7"
POSITIONS = (CASTLES_960, "r3k2r/pppppppp/8/8/8/8/PPPPPPPP/R3K2R b KQkq - 3 7")


def agreed(world: World, key: str) -> Terms:
    """The terms of a game, from the form of a challenge."""
    form = {"variant": key, "clock.limit": "300", "clock.increment": "3"}
    if key == "fromPosition":
        form["fen"] = world.rng.choice(POSITIONS)
    return _settled(world, read_terms(form))


def shown_board(game: SandboxGame) -> chess.Board:
    """The start of a game, as its first line shows it."""
    full = json.loads(game_full(game, NOON_MS))
    key, name, fen = full["variant"]["key"], full["variant"]["name"], full["initialFen"]
    rules = chess.Board if key == "chess960" else chess.variant.find_variant(name)
    is_960 = key in {"chess960", "fromPosition"}
    return rules(chess960=is_960) if fen == "startpos" else rules(fen, chess960=is_960)


@pytest.mark.parametrize("key", VARIANTS)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32), king_to_rook=st.booleans())
def test_positions_and_endings_are_those_of_python_chess(
    key: str, seed: int, *, king_to_rook: bool
) -> None:
    world = a_world(Options(king_to_rook=king_to_rook))
    world.rng = random.Random(seed)
    game = a_game(world, agreed(world, key))
    board = shown_board(game)
    seen = Counter([board.epd()])
    while game.is_running and game.ply < 150:
        shown = game_json(game, board.turn, NOON_MS)
        assert type(board)(str(shown["fen"]), chess960=board.chess960).fen() == board.fen()
        assert shown["isMyTurn"] is True
        policy = world.rng.choice((random_mover(world.rng), greedy))
        move(world, game, policy(board).uci())
        board.push_uci(game.moves_text.split()[-1])
        seen[board.epd()] += 1
        is_drawn = board.is_fifty_moves() or seen[board.epd()] >= 3
        assert game.is_running is (board.outcome() is None and not is_drawn)
    outcome = board.outcome()
    assert game.winner is (outcome.winner if outcome else None)
    for _ in range(3 if game.is_running else 0):  # these moves are held back
        board.pop()
    text = export_pgn(game, {"clocks": "false"}, site=SITE)
    parsed = chess.pgn.read_game(io.StringIO(text))
    assert parsed is not None
    assert parsed.errors == []
    assert parsed.end().board().fen() == board.fen()
    sans = str(export_json(game, {}, site=SITE)["moves"]).split()
    assert len(sans) == len(board.move_stack)


@pytest.mark.parametrize(
    ("key", "fen", "text", "status", "winner"),
    [
        ("atomic", "7k/6pp/5n2/8/2Q5/8/8/K7 w - - 0 1", "c4g8", "mate", True),
        ("kingOfTheHill", "k7/8/8/8/8/8/1p6/K7 w - - 0 1", "a1b2", "started", None),
        ("threeCheck", "7k/8/8/8/8/8/K7/1R6 w - - 1+3 0 1", "b1b8", "variantEnd", True),
        ("threeCheck", "7k/8/6K1/8/8/8/8/R7 w - - 1+3 0 1", "a1a8", "mate", True),
        ("antichess", "8/8/8/8/8/1p6/P7/8 b - - 0 1", "b3a2", "variantEnd", True),
        ("antichess", "8/8/8/8/p7/8/P7/8 b - - 0 1", "a4a3", "variantEnd", True),
        ("antichess", "8/P7/8/8/8/8/8/7k w - - 0 1", "a7a8k", "started", None),
        ("horde", "8/8/8/8/k7/p7/P7/8 b - - 0 1", "a4b4", "stalemate", None),
        ("racingKings", "8/k6K/8/8/8/8/8/8 w - - 0 1", "h7h8 a7a8", "draw", None),
        ("racingKings", "8/k6K/8/8/8/8/8/8 w - - 0 1", "h7h8 a7a6", "variantEnd", True),
        ("crazyhouse", "7k/6pp/8/8/8/8/8/K3R3[] w - - 0 1", "e1e8", "mate", True),
        ("crazyhouse", "7k/6pp/8/8/8/8/8/K3R3[n] w - - 0 1", "e1e8 N@f8", "started", None),
        ("crazyhouse", "k7/8/8/8/8/8/1R6/K7[] w - - 99 80", "b2b3", "started", None),
    ],
)
def test_each_variant_ends_as_on_lichess(
    key: str, fen: str, text: str, status: str, *, winner: bool | None
) -> None:
    world = a_world()
    game = a_game(world, terms(variant=key, fen=fen))
    play_out(world, game, text)
    assert (game.status.name, game.winner) == (status, winner)


@pytest.mark.parametrize(
    ("key", "fen", "winner"),
    [
        ("atomic", "k7/1q6/8/8/8/8/8/K7 b - - 0 1", None),
        ("threeCheck", "k7/1q6/8/8/8/8/8/KN6 b - - 3+3 0 1", True),
        ("kingOfTheHill", "k7/1q6/8/8/8/8/8/K7 b - - 0 1", True),
        ("horde", "k7/1q6/8/8/8/8/8/N7 b - - 0 1", None),
    ],
)
def test_a_flag_wins_only_with_material_that_wins_in_the_variant(
    key: str, fen: str, *, winner: bool | None
) -> None:
    world = a_world()
    game = a_game(world, terms(variant=key, fen=fen))
    games.flag(world, game, NOON_MS)
    assert (game.status.name, game.winner) == ("outoftime", winner)


@pytest.mark.parametrize(
    ("key", "fen", "uci", "why"),
    [
        ("standard", None, "N@f3", "Can't drop Knight on f3"),
        ("crazyhouse", None, "N@f3", "Can't drop Knight on f3"),
        ("crazyhouse", None, "n@f3", "Invalid UCI: n@f3"),
        ("standard", "8/P6k/8/8/8/8/8/K7 w - - 0 1", "a7a8k", "Piece on a7 cannot move to a8"),
        ("fromPosition", CASTLES_960, "f8c8", "Piece on f8 cannot move to c8"),
    ],
)
def test_a_move_of_another_variant_is_refused(
    key: str, fen: str | None, uci: str, why: str
) -> None:
    world = a_world()
    with pytest.raises(ApiError) as error:
        move(world, a_game(world, terms(variant=key, fen=fen)), uci)
    assert error.value.reason == why


@pytest.mark.parametrize("king_to_rook", [True, False])
def test_only_standard_chess_is_ever_written_as_two_squares(*, king_to_rook: bool) -> None:
    world = a_world(Options(king_to_rook=king_to_rook))
    for key, fen, text in (
        ("atomic", None, "g1f3 g8f6 e2e4 a7a6 f1e2 a6a5 e1g1"),
        ("fromPosition", CASTLES_960, "f8b8 f1h1"),
    ):
        game = a_game(world, terms(variant=key, fen=fen))
        play_out(world, game, text)
        assert game.moves_text.endswith("1h1")
        assert game.board.king(chess.WHITE) == chess.G1


def test_black_moves_first_where_the_position_says_so() -> None:
    world = a_world()
    game = a_game(world, terms(fen=POSITIONS[1], limit_s=None, days=2))
    for uci, mover in (("a7a6", chess.BLACK), ("a2a3", chess.WHITE)):
        for color in chess.COLORS:
            assert game_json(game, color, NOON_MS)["isMyTurn"] is (color is mover)
        assert (game.clock.running, game.both_moved) == (None, False)
        move(world, game, uci)
        assert game_json(game, mover, NOON_MS)["hasMoved"] is True
    assert (game.clock.running, game.both_moved) == (chess.BLACK, True)


def test_a_fen_is_written_as_lichess_writes_it() -> None:
    world = a_world()
    house = a_game(world, terms(variant="crazyhouse"))
    play_out(world, house, "e2e4 d7d5 e4d5 d8d5 b1c3 d5g2 f1g2")
    assert str(game_json(house, chess.WHITE, NOON_MS)["fen"]).split()[0].endswith("/PQpp")
    three = a_game(world, terms(variant="threeCheck"))
    play_out(world, three, "e2e4 f7f6 d1h5")
    assert str(game_json(three, chess.WHITE, NOON_MS)["fen"]).endswith(" b KQkq - 1 2 +1+0")
