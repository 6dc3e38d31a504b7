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
from crabstick.sandbox.state import MoveRecord, SandboxChallenge, SandboxGame

_NO_CLOCK = {"limit_s": None, "increment_s": None}


def _ledger(sandbox: Sandbox, call: Call) -> AnyReply:
    """The whole ledger, oldest first; with only one game if the query names a game."""
    world, now_ms, game_id = sandbox.world, sandbox.now_ms(), call.query.get("game")
    streams = [*world.ledger.ended_streams, *(stream.record(None) for stream in sandbox.hub)]
    return Reply.of(
        {
            "now_ms": round(now_ms, 3),
            "games": [
                _game(game, now_ms)
                for game in world.games.values()
                if game_id is None or game.id == game_id
            ],
            "challenges": [_challenge(challenge) for challenge in world.challenges.values()],
            "refused_moves": [asdict(refused) for refused in world.ledger.refused_moves],
            "requests": [
                {"endpoint": endpoint, "user": user, "status": status, "count": count}
                for (endpoint, user, status), count in sorted(world.ledger.requests.items())
            ],
            "streams": [asdict(stream) for stream in streams],
            "unserved_paths": world.ledger.unserved_paths,
        }
    )


def _games(sandbox: Sandbox, _call: Call) -> AnyReply:
    """A summary of the running games."""
    now_ms = sandbox.now_ms()
    return Reply.of(
        [
            {
                "id": game.id,
                "white": game.players[chess.WHITE].account.name,
                "black": game.players[chess.BLACK].account.name,
                "ply": game.ply,
                "turn": chess.COLOR_NAMES[game.board.turn],
                "wtime_ms": game.clock.left_ms(chess.WHITE, now_ms),
                "btime_ms": game.clock.left_ms(chess.BLACK, now_ms),
            }
            for game in sandbox.world.running.values()
        ]
    )


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
        sandbox.world.options.on_unserved(f"{call.method} {path}")
    raise not_found()


def _game(game: SandboxGame, now_ms: float) -> Json:
    terms = game.terms
    return {
        "id": game.id,
        "white": game.players[chess.WHITE].account.name,
        "black": game.players[chess.BLACK].account.name,
        "variant": terms.variant.key,
        "initial_fen": terms.initial_fen,
        "rated": terms.rated,
        "speed": terms.speed,
        "clock": _NO_CLOCK if terms.clock is None else asdict(terms.clock),
        "status": game.status.name,
        "winner": None if game.winner is None else chess.COLOR_NAMES[game.winner],
        "created_ms": round(game.created_ms, 3),
        "ended_ms": None if game.is_running else round(game.changed_ms, 3),
        "wtime_ms": game.clock.left_ms(chess.WHITE, now_ms),
        "btime_ms": game.clock.left_ms(chess.BLACK, now_ms),
        "moves": [_move(move) for move in game.moves],
        "chat": [{"room": room, "user": user, "text": text} for room, user, text in game.chat],
    }


def _move(move: MoveRecord) -> Json:
    overhead_ms = None if move.overhead_ms is None else round(move.overhead_ms, 3)
    return {
        **asdict(move),
        "received_ms": round(move.received_ms, 3),
        "overhead_ms": overhead_ms,
    }


def _challenge(challenge: SandboxChallenge) -> Json:
    answered = challenge.answered_ms
    return {
        "id": challenge.id,
        "challenger": challenge.challenger_id,
        "target": challenge.target_id,
        "variant": challenge.terms.variant.key,
        "rated": challenge.terms.rated,
        "speed": challenge.terms.speed,
        "outcome": challenge.status,
        "reason": challenge.decline_key,
        "made_ms": round(challenge.made_ms, 3),
        "answered_ms": None if answered is None else round(answered, 3),
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
