"""Endpoints about games: the stream, moves and the other commands, chat, export."""

from crabstick.sandbox import games, moves, opponent_gone
from crabstick.sandbox.accounts import SandboxAccount
from crabstick.sandbox.asgi import OK, AnyReply, Call, Reply
from crabstick.sandbox.endpoint import Endpoint
from crabstick.sandbox.errors import not_found
from crabstick.sandbox.game_export import export_json, export_pgn
from crabstick.sandbox.lichess_json import game_full
from crabstick.sandbox.sandbox import Sandbox
from crabstick.sandbox.streams import Reader, StreamLine


def _move(sandbox: Sandbox, call: Call) -> AnyReply:
    """Plays a move; this is the hot path."""
    game, color = games.game_for(sandbox.world, _caller(sandbox, call), call.params["game"])
    request = moves.MoveRequest(
        call.params["move"],
        color,
        call.received_ms,
        call.user_agent,
        call.query.get("offeringDraw") == "true",
    )
    sandbox.deliver(moves.play(sandbox.world, game, request))
    return OK


def _stream(sandbox: Sandbox, call: Call) -> AnyReply:
    """Opens a game's stream, which starts with the whole game; ends at once if it is over."""
    game, color = games.game_for(sandbox.world, _caller(sandbox, call), call.params["game"])
    reader = Reader(
        kind="game",
        user_id=call.who.user_id,
        token=call.who.token,
        user_agent=call.user_agent,
        game=game,
        color=color,
    )
    reply = sandbox.stream(reader, [StreamLine(game_full(game, call.received_ms), game.ply)])
    if not game.is_running:
        reply.stream.end("over")
    return reply


def _abort(sandbox: Sandbox, call: Call) -> AnyReply:
    game, _ = games.game_for(sandbox.world, _caller(sandbox, call), call.params["game"])
    sandbox.deliver(games.abort(sandbox.world, game, call.received_ms))
    return OK


def _resign(sandbox: Sandbox, call: Call) -> AnyReply:
    game, color = games.game_for(sandbox.world, _caller(sandbox, call), call.params["game"])
    sandbox.deliver(games.resign(sandbox.world, game, color, call.received_ms))
    return OK


def _draw(sandbox: Sandbox, call: Call) -> AnyReply:
    game, color = games.game_for(sandbox.world, _caller(sandbox, call), call.params["game"])
    yes = call.params["answer"] in {"yes", "true"}
    sandbox.deliver(games.answer_draw(sandbox.world, game, color, yes=yes, now_ms=call.received_ms))
    return OK


def _takeback(sandbox: Sandbox, call: Call) -> AnyReply:
    """Replies ok without effect: bots never allow takebacks."""
    games.game_for(sandbox.world, _caller(sandbox, call), call.params["game"])
    return OK


def _send_chat(sandbox: Sandbox, call: Call) -> AnyReply:
    account = _caller(sandbox, call)
    game, _ = games.game_for(sandbox.world, account, call.params["game"])
    form = call.form
    sandbox.deliver(games.send_chat(game, account, form.get("room", ""), form.get("text", "")))
    return OK


def _read_chat(sandbox: Sandbox, call: Call) -> AnyReply:
    game, _ = games.game_for(sandbox.world, _caller(sandbox, call), call.params["game"])
    return Reply.of(
        [{"text": text, "user": user} for room, user, text in game.chat if room == "player"]
    )


def _claim_victory(sandbox: Sandbox, call: Call) -> AnyReply:
    game, color = games.game_for(sandbox.world, _caller(sandbox, call), call.params["game"])
    sandbox.deliver(opponent_gone.claim_victory(sandbox.world, game, color, call.received_ms))
    return OK


def _claim_draw(sandbox: Sandbox, call: Call) -> AnyReply:
    game, color = games.game_for(sandbox.world, _caller(sandbox, call), call.params["game"])
    sandbox.deliver(opponent_gone.claim_draw(sandbox.world, game, color, call.received_ms))
    return OK


def _unknown_command(sandbox: Sandbox, call: Call) -> AnyReply:
    games.game_for(sandbox.world, _caller(sandbox, call), call.params["game"])
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


def _caller(sandbox: Sandbox, call: Call) -> SandboxAccount:
    return sandbox.world.accounts[call.who.user_id]


_BOT = ("bot:play",)
_GAME = "/api/bot/game/{game}"

ENDPOINTS = (
    Endpoint(name="move", method="POST", path=f"{_GAME}/move/{{move}}", handler=_move, scopes=_BOT),
    Endpoint(
        name="game-stream",
        method="GET",
        path="/api/bot/game/stream/{game}",
        handler=_stream,
        scopes=_BOT,
    ),
    Endpoint(name="abort", method="POST", path=f"{_GAME}/abort", handler=_abort, scopes=_BOT),
    Endpoint(name="resign", method="POST", path=f"{_GAME}/resign", handler=_resign, scopes=_BOT),
    Endpoint(
        name="draw", method="POST", path=f"{_GAME}/draw/{{answer}}", handler=_draw, scopes=_BOT
    ),
    Endpoint(
        name="takeback",
        method="POST",
        path=f"{_GAME}/takeback/{{answer}}",
        handler=_takeback,
        scopes=_BOT,
    ),
    Endpoint(name="chat", method="POST", path=f"{_GAME}/chat", handler=_send_chat, scopes=_BOT),
    Endpoint(name="chat-read", method="GET", path=f"{_GAME}/chat", handler=_read_chat, scopes=_BOT),
    Endpoint(
        name="claim-victory",
        method="POST",
        path=f"{_GAME}/claim-victory",
        handler=_claim_victory,
        scopes=_BOT,
    ),
    Endpoint(
        name="claim-draw",
        method="POST",
        path=f"{_GAME}/claim-draw",
        handler=_claim_draw,
        scopes=_BOT,
    ),
    Endpoint(
        name="unknown-command",
        method="POST",
        path=f"{_GAME}/{{command:path}}",
        handler=_unknown_command,
        scopes=_BOT,
    ),
    Endpoint(
        name="export",
        method="GET",
        path="/game/export/{game}",
        handler=_export,
        access="public",
    ),
)
