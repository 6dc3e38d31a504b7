"""Exports a game as PGN or JSON; only here is a game replayed.

Pure. The last 3 moves of an ongoing game are held back, as on Lichess. The sandbox has neither
rating changes nor opening names: those fields are omitted or `?`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import chess
import chess.pgn

from crabstick.sandbox.errors import Json
from crabstick.sandbox.lichess_json import light_user, without_none
from crabstick.sandbox.state import SandboxGame
from crabstick.sandbox.vocabulary import VARIANTS, Status

_DELAY_PLIES = 3


def export_pgn(game: SandboxGame, query: Mapping[str, str], *, site: str) -> str:
    """The game as PGN; `query` can switch off tags, moves and clocks."""
    pgn = chess.pgn.Game(_tags(game, site))
    if query.get("moves") != "false":
        clocks = query.get("clocks") != "false" and game.terms.clock is not None
        node: chess.pgn.GameNode = pgn
        for move, played in zip(_shown_moves(game), game.moves, strict=False):
            node = node.add_main_variation(move)
            if clocks:
                node.set_clock(played.left_ms // 1000)
    exporter = chess.pgn.StringExporter(columns=None, headers=query.get("tags") != "false")
    return pgn.accept(exporter) + "\n"


def export_json(game: SandboxGame, query: Mapping[str, str], *, site: str) -> dict[str, Json]:
    """The game in Lichess's export format."""
    terms, control = game.terms, game.terms.clock
    moves = _sans(game)
    return without_none(
        id=game.id,
        rated=terms.rated,
        variant=terms.variant.key,
        speed=terms.speed,
        perf=terms.perf,
        createdAt=int(game.created_ms),
        lastMoveAt=int(game.changed_ms),
        status=game.status.name,
        source="friend",
        players={
            chess.COLOR_NAMES[color]: {"user": light_user(account), "rating": account.rating}
            for color, account in game.players.items()
        },
        initialFen=terms.initial_fen,
        winner=game.winner_name,
        moves=" ".join(moves) if query.get("moves") != "false" else None,
        clocks=[move.left_ms // 10 for move in game.moves[: len(moves)]]
        if query.get("clocks") != "false" and control
        else None,
        pgn=export_pgn(game, query, site=site) if query.get("pgnInJson") == "true" else None,
        clock={
            "initial": control.limit_s,
            "increment": control.increment_s,
            "totalTime": control.estimate_s,
        }
        if control
        else None,
        daysPerTurn=terms.days,
    )


def _tags(game: SandboxGame, site: str) -> dict[str, str]:
    terms = game.terms
    begun = datetime.fromtimestamp(game.created_ms / 1000, UTC)
    perf = VARIANTS[terms.perf].name if terms.perf in VARIANTS else terms.perf
    white, black = (game.players[color] for color in (chess.WHITE, chess.BLACK))
    tags = {
        "Event": f"{'rated' if terms.rated else 'casual'} {perf} game",
        "Site": f"{site}/{game.id}",
        "Date": begun.strftime("%Y.%m.%d"),
        "Round": "-",
        "White": white.name,
        "Black": black.name,
        "Result": _result(game),
        "GameId": game.id,
        "UTCDate": begun.strftime("%Y.%m.%d"),
        "UTCTime": begun.strftime("%H:%M:%S"),
        "WhiteElo": str(white.rating),
        "BlackElo": str(black.rating),
    }
    for side, account in (("White", white), ("Black", black)):
        if account.title is not None:
            tags[f"{side}Title"] = account.title
    tags["Variant"] = terms.variant.name
    clock = terms.clock
    tags["TimeControl"] = "-" if clock is None else f"{clock.limit_s}+{clock.increment_s}"
    if terms.initial_fen is not None:
        tags |= {"FEN": terms.initial_fen, "SetUp": "1"}
    return tags | {"ECO": "?", "Opening": "?", "Termination": _termination(game)}


def _termination(game: SandboxGame) -> str:
    if game.is_running:
        return "Unterminated"
    if game.status in {Status.outoftime, Status.timeout}:
        return "Time forfeit"
    return "Abandoned" if game.status is Status.aborted else "Normal"


def _result(game: SandboxGame) -> str:
    if game.is_running or game.status is Status.aborted:
        return "*"
    if game.winner is None:
        return "1/2-1/2"
    return "1-0" if game.winner else "0-1"


def _shown_moves(game: SandboxGame) -> list[chess.Move]:
    moves = game.board.move_stack
    return moves[:-_DELAY_PLIES] if game.is_running else moves


def _sans(game: SandboxGame) -> list[str]:
    board = game.board.root()
    sans = []
    for move in _shown_moves(game):
        sans.append(board.san(move))
        board.push(move)
    return sans
