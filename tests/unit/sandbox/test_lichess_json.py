"""The JSON that Lichess writes: the very keys, in the very order, and nothing that is false."""

import json
from collections.abc import Iterable
from typing import Any

import chess
import pytest

from crabstick.sandbox import challenges, games
from crabstick.sandbox.game_export import export_json, export_pgn
from crabstick.sandbox.lichess_json import (
    challenge_json,
    game_event,
    game_full,
    game_state,
    user_json,
)
from crabstick.sandbox.state import SandboxGame, World
from crabstick.sandbox.vocabulary import SPEED_ICONS
from tests.unit.sandbox.worlds import NOON_MS, a_game, a_world, move, play_out, terms

SITE = "https://chess.example"
CLOCK = {"clock.limit": "300", "clock.increment": "3"}


def keys(value: Iterable[str]) -> str:
    return " ".join(value)


def test_game_full_has_lichess_keys_in_lichess_order() -> None:
    world = a_world()
    game = a_game(world, terms(limit_s=300, increment_s=3))
    full = json.loads(game_full(game, NOON_MS))
    assert (
        keys(full)
        == "id variant speed perf rated createdAt white black initialFen clock type state"
    )
    assert full["clock"] == {"initial": 300_000, "increment": 3_000}
    assert full["white"] == {
        "id": "crabstick",
        "name": "crabstick",
        "title": "BOT",
        "rating": 2000,
    }
    assert full["variant"] == {"key": "standard", "name": "Standard", "short": "Std"}
    assert (full["initialFen"], full["perf"]) == ("startpos", {"name": "Blitz"})


def test_a_game_without_a_clock_has_no_clock_field() -> None:
    world = a_world()
    unlimited = json.loads(game_full(a_game(world, terms(limit_s=None)), NOON_MS))
    assert "clock" not in unlimited
    assert unlimited["state"]["wtime"] == 2_147_483_647
    slow = json.loads(game_full(a_game(world, terms(limit_s=None, days=3)), NOON_MS))
    assert slow["daysPerTurn"] == 3
    assert slow["state"]["btime"] == 3 * 86_400_000


def test_a_state_line_has_no_false_flags() -> None:
    world = a_world()
    game = a_game(world)
    assert keys(json.loads(game_state(game, NOON_MS))) == "type moves wtime btime winc binc status"


def test_a_game_event_has_lichess_keys_in_lichess_order() -> None:
    world = a_world()
    game = a_game(world)
    live = json.loads(game_event("gameStart", game, chess.WHITE, NOON_MS, live=True))["game"]
    assert keys(live) == (
        "fullId gameId fen color lastMove source status variant speed perf rated hasMoved "
        "opponent isMyTurn secondsLeft rating compat id"
    )
    assert live["opponent"] == {"id": "sparring1", "username": "BOT sparring1", "rating": 1900}
    opening = json.loads(game_event("gameStart", game, chess.WHITE, NOON_MS, live=False))["game"]
    assert "compat" not in opening


def test_has_moved_is_about_the_reader() -> None:
    world = a_world()
    game = a_game(world)
    move(world, game, "e2e4")
    shown = {
        color: json.loads(game_event("gameStart", game, color, NOON_MS, live=True))["game"]
        for color in chess.COLORS
    }
    assert (shown[True]["hasMoved"], shown[True]["isMyTurn"]) == (True, False)
    assert (shown[False]["hasMoved"], shown[False]["isMyTurn"]) == (False, True)
    assert shown[False]["lastMove"] == "e2e4"


def test_a_challenge_has_lichess_keys_in_lichess_order() -> None:
    world = a_world()
    challenge, _ = challenges.create(
        world, world.accounts["sparring1"], "crabstick", CLOCK, NOON_MS
    )
    shown = challenge_json(world, challenge, NOON_MS)
    assert keys(shown) == (
        "id url status challenger destUser variant rated speed timeControl color finalColor perf"
    )
    assert shown["timeControl"] == {"type": "clock", "limit": 300, "increment": 3, "show": "5+3"}
    assert shown["perf"] == {"icon": SPEED_ICONS["blitz"], "name": "Blitz"}
    assert shown["finalColor"] in {"white", "black"}


@pytest.mark.parametrize(
    ("variant", "limit_s", "perf"),
    [
        ("standard", 60, "bullet"),
        ("fromPosition", 600, "rapid"),
        ("chess960", 60, "chess960"),
        ("standard", None, "correspondence"),
    ],
)
def test_each_finished_game_counts_for_both_players(
    variant: str, limit_s: int | None, perf: str
) -> None:
    world = a_world()
    for plies in (1, 2):  # an abort, then a resignation
        game = a_game(world, terms(limit_s=limit_s, variant=variant))
        for _ in range(plies):
            move(world, game, next(game.board.generate_legal_moves()).uci())
        games.resign(world, game, game.board.turn, NOON_MS)
    for account in world.accounts:
        perfs: Any = user_json(world, account, NOON_MS)["perfs"]
        grown = [name for name in perfs if perfs[name]["games"] > 100]
        assert grown == ([perf] if account.id in {"crabstick", "sparring1"} else [])
        assert {row["games"] for row in perfs.values()} <= {100, 101}
        assert not any("prov" in row for row in perfs.values())


def test_an_upgraded_account_starts_again_with_provisional_ratings() -> None:
    world = a_world()
    world.accounts.upgrade("visitor")
    perfs: Any = user_json(world, world.accounts["visitor"], NOON_MS)["perfs"]
    assert perfs["blitz"] == {"games": 0, "rating": 2000, "rd": 500, "prog": 0, "prov": True}


def test_an_online_player_is_shown_online() -> None:
    world = a_world()
    world.presence.arrive("crabstick")
    challenge, _ = challenges.create(
        world, world.accounts["sparring1"], "crabstick", {"days": "2"}, NOON_MS
    )
    shown: Any = challenge_json(world, challenge, NOON_MS)
    assert shown["destUser"]["online"] is True
    assert "online" not in shown["challenger"]
    assert shown["timeControl"] == {"type": "correspondence", "daysPerTurn": 2}


def finished_game(world: World) -> SandboxGame:
    game = a_game(world, terms(limit_s=300, increment_s=3))
    play_out(world, game, "e2e4 e7e5 g1f3 b8c6 f1c4 g8f6")
    move(world, game, "e1g1", at_s=4)
    games.resign(world, game, chess.BLACK, NOON_MS + 5_000)
    return game


def test_a_finished_game_exports_as_pgn_with_clocks() -> None:
    game = finished_game(a_world())
    pgn = export_pgn(game, {}, site=SITE)
    tags, moves, *_ = pgn.split("\n\n")
    assert f'[Site "{SITE}/{game.id}"]' in tags
    assert '[Result "1-0"]' in tags
    assert '[TimeControl "300+3"]' in tags
    assert moves.startswith("1. e4 { [%clk 0:05:00] } 1... e5 { [%clk 0:05:00] } 2. Nf3")
    assert moves.strip().endswith("4. O-O { [%clk 0:05:05] } 1-0")


def test_export_leaves_out_what_is_not_wanted() -> None:
    game = finished_game(a_world())
    assert export_pgn(game, {"tags": "false", "clocks": "false"}, site=SITE) == (
        "1. e4 e5 2. Nf3 Nc6 3. Bc4 Nf6 4. O-O 1-0\n"
    )
    assert export_pgn(game, {"tags": "false", "moves": "false"}, site=SITE) == "1-0\n"
    assert "moves" not in export_json(game, {"moves": "false", "clocks": "false"}, site=SITE)


def test_a_running_game_is_exported_three_moves_late() -> None:
    world = a_world()
    game = a_game(world, terms(fen="k7/8/8/8/8/8/1R6/K7 b - - 0 30"))
    play_out(world, game, "a8a7 b2b3 a7a6 b3b4")
    assert export_pgn(game, {"tags": "false", "clocks": "false"}, site=SITE) == "30... Ka7 *\n"


def test_export_as_json_has_lichess_keys() -> None:
    shown: Any = export_json(finished_game(a_world()), {"pgnInJson": "true"}, site=SITE)
    assert keys(shown) == (
        "id rated variant speed perf createdAt lastMoveAt status source players winner "
        "moves clocks pgn clock"
    )
    assert shown["clock"] == {"initial": 300, "increment": 3, "totalTime": 420}
    assert shown["moves"] == "e4 e5 Nf3 Nc6 Bc4 Nf6 O-O"
    assert shown["clocks"][-1] == 30_500
