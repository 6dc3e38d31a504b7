"""Games of some variants over HTTP, to the variant's own ending; all ten are in the unit tests."""

import io
from typing import Any
from urllib.parse import quote

import chess
import chess.pgn
import pytest

from crabstick.sandbox.testing import RunningSandbox
from crabstick.sandbox.vocabulary import VARIANTS
from tests.contract.sandbox.clients import Client

FOOL = "e7e5 g2g4 d8h4"
AFTER_F3 = "rnbqkbnr/pppppppp/8/8/8/5P2/PPPPP1PP/RNBQKBNR b KQkq - 0 1"
HORDE = """
b5b6 a7b6 g5g6 a8a4 f5f6 a4b4 g4g5 b6c5 a3b4 c5d4 b4b5 d4e3 g6h7 e3d2 c4c5 d2c1q g3g4 c1b1
c5c6 b1b2 f6g7 b2c3 b5b6 c3e1 d3d4 d7c6 h4h5 d8d4 d1d3 e1e2 g7h8q e2e4 h8e5 c7b6 e5d5 e4d3
h7g8q c8g4 a2a4 d3b3 d5d6 b3a4 g8h7 d4f2 d6c6 a4c6 c2c4 c6f3 h7c2 f2g2 c2b3 g4h5 b3d1 g2f1
d1b1 f3h3 b1g6 h3h2 g6d6 f1a1 d6d2 h2f4 h1h3 a1g1 h3h4 f4c4 d2e1 c4h4 e1e2 h4g5 e2e7 e8e7
"""


@pytest.mark.parametrize(
    ("key", "fen", "text", "ending"),
    [
        ("standard", "", f"f2f3 {FOOL}", "mate black"),
        ("chess960", chess.STARTING_FEN, f"f2f3 {FOOL}", "mate black"),
        ("fromPosition", AFTER_F3, FOOL, "mate black"),
        ("atomic", "no position", "g1f3 a7a6 f3g5 a6a5 g5f7", "variantEnd white"),
        ("horde", "", HORDE, "variantEnd black"),
        ("crazyhouse", "", "g1h3 g7g5 h3g5 f7f6 P@f7", "mate white"),
    ],
)
async def test_a_game_of_a_variant(
    sandbox: RunningSandbox, key: str, fen: str, text: str, ending: str
) -> None:
    shown = await play(sandbox, text.split(), variant=key, fen=fen)
    challenge, start, full, last, over = (
        shown[name] for name in ("challenge", "start", "full", "last", "over")
    )
    variant = VARIANTS[key]
    own_start = key in {"chess960", "fromPosition", "horde", "racingKings"}
    words = {"key": key, "name": variant.name, "short": variant.short}
    assert (challenge["variant"], full["variant"]) == (words, words)
    perf = ("bullet", "Bullet") if key in {"standard", "fromPosition"} else (key, variant.name)
    assert (start["perf"], full["perf"]["name"]) == perf
    assert full["initialFen"] == (variant.board(fen).fen() if own_start else "startpos")
    assert challenge.get("initialFen", "startpos") == full["initialFen"]
    assert (f"{last['status']} {last['winner']}", last["moves"].split()) == (ending, text.split())
    assert f"{over['status']['name']} {over['winner']}" == ending
    pgn = chess.pgn.read_game(io.StringIO(shown["pgn"]))
    assert pgn is not None
    assert [move.uci() for move in pgn.mainline_moves()] == text.split()
    tags = pgn.headers
    assert (tags["Variant"], "FEN" in tags) == (variant.name, own_start)
    event = "bullet" if perf[0] == "bullet" else variant.name
    assert (tags["Event"], tags["Site"]) == (f"casual {event} game", f"{sandbox.url}/{over['id']}")
    assert tags["Result"] == ("1-0" if ending.endswith("white") else "0-1")


async def play(sandbox: RunningSandbox, moves: list[str], **form: str) -> dict[str, Any]:
    """Play a game of crabstick (Black) and sparring1; returns what the server wrote."""
    shown: dict[str, Any] = {}
    async with Client(sandbox, "crabstick") as mine, Client(sandbox, "sparring1") as other:
        events = await mine.open_events()
        game_id = await other.challenge("crabstick", color="white", **form)
        shown["challenge"] = (await events.next_of("challenge"))["challenge"]
        await mine.post(f"/api/challenge/{game_id}/accept")
        shown["start"] = (await events.next_of("gameStart"))["game"]
        stream = await other.open_game(game_id)
        shown["full"] = await stream.next()
        players = (mine, other) if shown["start"]["isMyTurn"] else (other, mine)
        for ply, uci in enumerate(moves):
            written = quote(uci, safe="@" if ply % 2 else "")
            answer = await players[ply % 2].command(game_id, f"move/{written}")
            assert answer == (200, {"ok": True}), uci
        shown["last"] = (await stream.rest())[-1]
        shown["over"] = (await events.next_of("gameFinish"))["game"]
        _, shown["pgn"] = await mine.get(f"/game/export/{game_id}")
        events.close()
    return shown
