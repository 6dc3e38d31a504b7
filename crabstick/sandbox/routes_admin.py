"""The sandbox's own endpoints, under `/sandbox/`: the ledger, running games, faults.

They require the admin token. Tests check a bot against the ledger. The last two endpoints are
`/robots.txt`, and everything that the sandbox does not serve.
"""

from dataclasses import asdict
from urllib.parse import quote

import chess

from crabstick.sandbox.asgi import OK, AnyReply, Call, Reply
from crabstick.sandbox.endpoint import Endpoint
from crabstick.sandbox.errors import Json, not_found
from crabstick.sandbox.sandbox import Sandbox
from crabstick.sandbox.state import SandboxChallenge, SandboxGame

_NO_CLOCK = {"limit_s": None, "increment_s": None}


def _ledger(sandbox: Sandbox, call: Call) -> AnyReply:
    """The whole ledger, oldest first; with only one game if the query names a game."""
    world, now_ms, game_id = sandbox.world, sandbox.now_ms(), call.query.get("game")
    streams = [*world.ledger.ended_streams, *(stream.record(None) for stream in sandbox.hub)]
    return Reply.of(
        {
            "now_ms": now_ms,
            "games": [
                _game(game, now_ms)
                for game in world.games.values()
                if game_id is None or game.id == game_id
            ],
            "challenges": [_challenge(challenge) for challenge in world.challenges.values()],
            "refused_moves": world.ledger.refused_moves,
            "requests": [
                {"endpoint": endpoint, "user": user, "status": status, "count": count}
                for (endpoint, user, status), count in sorted(world.ledger.requests.items())
            ],
            "streams": streams,
            "unserved_paths": world.ledger.unserved_paths,
        }
    )


def _games(sandbox: Sandbox, _call: Call) -> AnyReply:
    """A summary of the running games."""
    now_ms = sandbox.now_ms()
    return Reply.of([_summary(game, now_ms) for game in sandbox.world.running.values()])


def _arm(sandbox: Sandbox, call: Call) -> AnyReply:
    return Reply.of(sandbox.faults.arm(call.body, sandbox.hub, call.received_ms))


def _armed(sandbox: Sandbox, call: Call) -> AnyReply:
    return Reply.of(sandbox.faults.armed(call.received_ms))


def _heal(sandbox: Sandbox, call: Call) -> AnyReply:
    number = call.params.get("number")
    if number is not None and not number.isdecimal():
        raise not_found(f"A fault has a number, not '{number}'")
    sandbox.faults.heal(list(sandbox.hub), None if number is None else int(number))
    return OK


def _robots(_sandbox: Sandbox, _call: Call) -> AnyReply:
    return Reply(body=b"User-agent: *\nDisallow: /\n", content_type=b"text/plain")


def _unknown(sandbox: Sandbox, call: Call) -> AnyReply:
    """Answers 404, and reports each new path once."""
    path = "/" + quote(call.params["path"])
    if path not in sandbox.world.ledger.unserved_paths:
        sandbox.world.ledger.unserved_paths.append(path)
        sandbox.world.options.on_unserved(f"{call.scope['method']} {path}")
    raise not_found()


def _summary(game: SandboxGame, now_ms: float) -> dict[str, Json]:
    return {
        "id": game.id,
        "white": game.players[chess.WHITE].name,
        "black": game.players[chess.BLACK].name,
        "ply": game.ply,
        "turn": chess.COLOR_NAMES[game.board.turn],
        "wtime_ms": game.clock.left_ms(chess.WHITE, now_ms),
        "btime_ms": game.clock.left_ms(chess.BLACK, now_ms),
    }


def _game(game: SandboxGame, now_ms: float) -> Json:
    terms = game.terms
    return {
        **_summary(game, now_ms),
        "variant": terms.variant.key,
        "initial_fen": terms.initial_fen,
        "rated": terms.rated,
        "speed": terms.speed,
        "clock": _NO_CLOCK if terms.clock is None else asdict(terms.clock),
        "status": game.status.name,
        "winner": game.winner_name,
        "created_ms": game.created_ms,
        "ended_ms": None if game.is_running else game.changed_ms,
        "moves": [asdict(move) for move in game.moves],
        "chat": [{"room": room, "user": user, "text": text} for room, user, text in game.chat],
    }


def _challenge(challenge: SandboxChallenge) -> Json:
    return {
        "id": challenge.id,
        "challenger": challenge.challenger.id,
        "target": challenge.target.id,
        "variant": challenge.terms.variant.key,
        "rated": challenge.terms.rated,
        "speed": challenge.terms.speed,
        "outcome": challenge.status,
        "reason": challenge.decline_key,
        "made_ms": challenge.made_ms,
        "answered_ms": challenge.answered_ms,
    }


ENDPOINTS = (
    Endpoint("ledger", "GET", "/sandbox/ledger", _ledger, access="admin"),
    Endpoint("games", "GET", "/sandbox/games", _games, access="admin"),
    Endpoint("arm", "POST", "/sandbox/faults", _arm, access="admin"),
    Endpoint("armed", "GET", "/sandbox/faults", _armed, access="admin"),
    Endpoint("heal-all", "DELETE", "/sandbox/faults", _heal, access="admin"),
    Endpoint("heal-one", "DELETE", "/sandbox/faults/{number}", _heal, access="admin"),
    Endpoint("robots", "GET", "/robots.txt", _robots, access="public"),
    Endpoint("unknown", None, "/{path:path}", _unknown, access="public"),
)
