"""Endpoints about challenges."""

from crabstick.sandbox import challenges
from crabstick.sandbox.accounts import SandboxAccount
from crabstick.sandbox.asgi import OK, AnyReply, Call, Reply
from crabstick.sandbox.endpoint import Endpoint
from crabstick.sandbox.errors import Json, api_error
from crabstick.sandbox.lichess_json import challenge_json, encode
from crabstick.sandbox.sandbox import Sandbox
from crabstick.sandbox.state import SandboxChallenge
from crabstick.sandbox.streams import Reader, StreamLine


def _create(sandbox: Sandbox, call: Call) -> AnyReply:
    """Creates a challenge; with `keepAliveStream` the response stays open until the answer."""
    sender = _caller(sandbox, call)
    challenge, messages = challenges.create(
        sandbox.world, sender, call.params["user"], call.form, call.received_ms
    )
    fields = _challenge_fields(sandbox, challenge, sender, call.received_ms)
    sandbox.hub.deliver(messages)
    if not challenge.terms.keep_alive:
        return Reply.of(fields)
    reader = Reader("challenge", call.who, call.user_agent, challenge_id=challenge.id)
    return sandbox.stream(reader, [StreamLine(encode(fields))])


def _refuse_ai(_sandbox: Sandbox, _call: Call) -> AnyReply:
    raise api_error("The sandbox has no computer opponent: challenge one of its accounts")


def _accept(sandbox: Sandbox, call: Call) -> AnyReply:
    account, challenge_id = _caller(sandbox, call), call.params["challenge"]
    sandbox.hub.deliver(challenges.accept(sandbox.world, account, challenge_id, call.received_ms))
    return OK


def _decline(sandbox: Sandbox, call: Call) -> AnyReply:
    account, challenge_id = _caller(sandbox, call), call.params["challenge"]
    reason = call.form.get("reason", "")
    sandbox.hub.deliver(
        challenges.decline(sandbox.world, account, challenge_id, reason, call.received_ms)
    )
    return OK


def _cancel(sandbox: Sandbox, call: Call) -> AnyReply:
    account, challenge_id = _caller(sandbox, call), call.params["challenge"]
    sandbox.hub.deliver(challenges.cancel(sandbox.world, account, challenge_id, call.received_ms))
    return OK


def _list(sandbox: Sandbox, call: Call) -> AnyReply:
    account = _caller(sandbox, call)
    received, sent = challenges.received_and_sent(sandbox.world, account)

    def rows(found: list[SandboxChallenge]) -> list[Json]:
        return [
            _challenge_fields(sandbox, challenge, account, call.received_ms) for challenge in found
        ]

    return Reply.of({"in": rows(received), "out": rows(sent)})


def _show(sandbox: Sandbox, call: Call) -> AnyReply:
    account = _caller(sandbox, call)
    challenge = challenges.challenge_for(sandbox.world, account, call.params["challenge"])
    fields = _challenge_fields(sandbox, challenge, account, call.received_ms)
    game = sandbox.world.games.get(challenge.id)
    color = None if game is None else game.color_of(account.id)
    if game is not None and color is not None:
        fields["fullId"] = game.id + game.players[color].player_id
    return Reply.of(fields)


def _challenge_fields(
    sandbox: Sandbox, challenge: SandboxChallenge, reader: SandboxAccount, now_ms: float
) -> dict[str, Json]:
    """A challenge with its direction, as in HTTP responses."""
    fields = challenge_json(sandbox.world, challenge, now_ms)
    fields["direction"] = "out" if challenge.challenger_id == reader.id else "in"
    return fields


def _caller(sandbox: Sandbox, call: Call) -> SandboxAccount:
    return sandbox.world.accounts[call.who.user_id]


_READ = ("challenge:read", "web:mobile")
_WRITE = ("challenge:write", "bot:play", "board:play", "web:mobile")

ENDPOINTS = (
    Endpoint("challenge-accept", "POST", "/api/challenge/{challenge}/accept", _accept, _WRITE),
    Endpoint("challenge-decline", "POST", "/api/challenge/{challenge}/decline", _decline, _WRITE),
    Endpoint("challenge-cancel", "POST", "/api/challenge/{challenge}/cancel", _cancel, _WRITE),
    Endpoint(
        "challenge-show", "GET", "/api/challenge/{challenge}/show", _show, ("challenge:read",)
    ),
    Endpoint("challenge-list", "GET", "/api/challenge", _list, _READ),
    Endpoint("challenge-ai", "POST", "/api/challenge/ai", _refuse_ai, _WRITE),
    Endpoint("challenge-create", "POST", "/api/challenge/{user}", _create, _WRITE),
)
