"""Endpoints about games: the stream, moves and the other commands, chat, export."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import chess

from crabstick.sandbox import games, moves
from crabstick.sandbox.asgi import AnyReply, Call, Reply
from crabstick.sandbox.endpoint import Endpoint, Handler
from crabstick.sandbox.errors import not_found
from crabstick.sandbox.game_export import export_json, export_pgn
from crabstick.sandbox.lichess_json import game_full
from crabstick.sandbox.opponent_gone import claim
from crabstick.sandbox.sandbox import Sandbox
from crabstick.sandbox.state import SandboxGame, World
from crabstick.sandbox.streams import Message, Reader

Command: TypeAlias = Callable[[World, SandboxGame, chess.Color, float], list[Message]]


def _move(sandbox: Sandbox, call: Call) -> list[Message]:
    """Plays a move; this is the hot path."""
    game, color = _game(sandbox, call)
    request = moves.MoveRequest(
        call.params["move"],
        color,
        call.received_ms,
        call.user_agent,
        call.query.get("offeringDraw") == "true",
    )
    return moves.play(sandbox.world, game, request)


def _stream(sandbox: Sandbox, call: Call) -> AnyReply:
    """Opens a game's stream, which starts with the whole game; ends at once if it is over."""
    game, color = _game(sandbox, call)
    reader = Reader("game", game.id, call.who, call.user_agent, game, color)
    reply = sandbox.stream(reader, [game_full(game, call.received_ms)], game.ply)
    if not game.is_running:
        reply.stream.end("over")
    return reply


def _command(operation: Command) -> Handler:
    """The handler of a command that needs nothing but the game and the caller's colour."""

    def handle(sandbox: Sandbox, call: Call) -> list[Message]:
        game, color = _game(sandbox, call)
        return operation(sandbox.world, game, color, call.received_ms)

    return handle


def _draw(sandbox: Sandbox, call: Call) -> list[Message]:
    game, color = _game(sandbox, call)
    yes = call.params["answer"] in {"yes", "true"}
    return games.answer_draw(sandbox.world, game, color, yes=yes, now_ms=call.received_ms)


def _takeback(sandbox: Sandbox, call: Call) -> list[Message]:
    """Has no effect: bots never allow takebacks."""
    _game(sandbox, call)
    return []


def _send_chat(sandbox: Sandbox, call: Call) -> list[Message]:
    game, _ = _game(sandbox, call)
    room, text = (call.form.get(field, "") for field in ("room", "text"))
    return games.send_chat(game, call.account, room, text)


def _read_chat(sandbox: Sandbox, call: Call) -> AnyReply:
    game, _ = _game(sandbox, call)
    return Reply.of(
        [{"text": text, "user": user} for room, user, text in game.chat if room == "player"]
    )


def _unknown_command(sandbox: Sandbox, call: Call) -> AnyReply:
    _game(sandbox, call)
    raise not_found("No such command")


def _export(sandbox: Sandbox, call: Call) -> AnyReply:
    """Exports a game as PGN, or as JSON if the client accepts JSON."""
    game = sandbox.world.games.get(call.params["game"][:8])
    if game is None:
        raise not_found()
    accepted = call.headers.get(b"accept", b"")
    site = sandbox.world.options.site
    if accepted.startswith(b"application/json"):
        return Reply.of(export_json(game, call.query, site=site))
    pgn = export_pgn(game, call.query, site=site)
    return Reply(body=pgn.encode(), content_type=b"application/x-chess-pgn")


def _game(sandbox: Sandbox, call: Call) -> tuple[SandboxGame, chess.Color]:
    """The game of a command, and the caller's colour."""
    return games.game_for(sandbox.world, call.account, call.params["game"])


_BOT = ("bot:play",)
_GAME = "/api/bot/game/{game}"

ENDPOINTS = (
    Endpoint("move", "POST", f"{_GAME}/move/{{move}}", _move, _BOT),
    Endpoint("game-stream", "GET", "/api/bot/game/stream/{game}", _stream, _BOT),
    Endpoint("abort", "POST", f"{_GAME}/abort", _command(games.abort), _BOT),
    Endpoint("resign", "POST", f"{_GAME}/resign", _command(games.resign), _BOT),
    Endpoint("draw", "POST", f"{_GAME}/draw/{{answer}}", _draw, _BOT),
    Endpoint("takeback", "POST", f"{_GAME}/takeback/{{answer}}", _takeback, _BOT),
    Endpoint("chat", "POST", f"{_GAME}/chat", _send_chat, _BOT),
    Endpoint("chat-read", "GET", f"{_GAME}/chat", _read_chat, _BOT),
    Endpoint("claim-victory", "POST", f"{_GAME}/claim-victory", _command(claim), _BOT),
    Endpoint(
        "claim-draw", "POST", f"{_GAME}/claim-draw", _command(partial(claim, draw=True)), _BOT
    ),
    Endpoint("unknown-command", "POST", f"{_GAME}/{{command:path}}", _unknown_command, _BOT),
    Endpoint("export", "GET", "/game/export/{game}", _export, access="public"),
)
