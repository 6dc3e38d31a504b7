"""Endpoints about challenges."""

from collections.abc import Callable
from typing import TypeAlias

from crabstick.sandbox import challenges
from crabstick.sandbox.accounts import SandboxAccount
from crabstick.sandbox.asgi import AnyReply, Call, Reply
from crabstick.sandbox.endpoint import Endpoint, Handler
from crabstick.sandbox.errors import Json, not_found
from crabstick.sandbox.lichess_json import challenge_json, encode
from crabstick.sandbox.sandbox import Sandbox
from crabstick.sandbox.state import SandboxChallenge, World
from crabstick.sandbox.streams import Message, Reader

Command: TypeAlias = Callable[[World, SandboxAccount, str, float], list[Message]]


def _create(sandbox: Sandbox, call: Call) -> AnyReply:
    """Creates a challenge; with `keepAliveStream` the response stays open until the answer."""
    challenge, messages = challenges.create(
        sandbox.world, call.account, call.params["user"], call.form, call.received_ms
    )
    fields = _challenge_fields(sandbox, challenge, call)
    sandbox.hub.deliver(messages)
    if not challenge.terms.keep_alive:
        return Reply.of(fields)
    reader = Reader("challenge", challenge.id, call.who, call.user_agent)
    return sandbox.stream(reader, [encode(fields)])


def _command(operation: Command) -> Handler:
    """The handler of a command that needs nothing but the challenge and the caller."""

    def handle(sandbox: Sandbox, call: Call) -> list[Message]:
        return operation(sandbox.world, call.account, call.params["challenge"], call.received_ms)

    return handle


def _decline(sandbox: Sandbox, call: Call) -> list[Message]:
    challenge_id, reason = call.params["challenge"], call.form.get("reason", "")
    return challenges.decline(sandbox.world, call.account, challenge_id, reason, call.received_ms)


def _list(sandbox: Sandbox, call: Call) -> AnyReply:
    waiting = [it for it in sandbox.world.challenges.values() if it.status == "created"]
    received = [it for it in waiting if it.target is call.account]
    sent = [it for it in waiting if it.challenger is call.account]
    return Reply.of(
        {
            "in": [_challenge_fields(sandbox, challenge, call) for challenge in received],
            "out": [_challenge_fields(sandbox, challenge, call) for challenge in sent],
        }
    )


def _show(sandbox: Sandbox, call: Call) -> AnyReply:
    challenge = sandbox.world.challenges.get(call.params["challenge"])
    if challenge is None or call.account not in (challenge.challenger, challenge.target):
        raise not_found()
    fields = _challenge_fields(sandbox, challenge, call)
    game = sandbox.world.games.get(challenge.id)
    color = None if game is None else game.color_of(call.account)
    if game is not None and color is not None:
        fields["fullId"] = game.full_id(color)
    return Reply.of(fields)


def _challenge_fields(sandbox: Sandbox, challenge: SandboxChallenge, call: Call) -> dict[str, Json]:
    """A challenge with its direction, as in HTTP responses."""
    direction = "out" if challenge.challenger is call.account else "in"
    return {**challenge_json(sandbox.world, challenge, call.received_ms), "direction": direction}


_READ = ("challenge:read", "web:mobile")
_WRITE = ("challenge:write", "bot:play", "board:play", "web:mobile")
_CHALLENGE = "/api/challenge/{challenge}"

ENDPOINTS = (
    Endpoint(
        "challenge-accept", "POST", f"{_CHALLENGE}/accept", _command(challenges.accept), _WRITE
    ),
    Endpoint("challenge-decline", "POST", f"{_CHALLENGE}/decline", _decline, _WRITE),
    Endpoint(
        "challenge-cancel", "POST", f"{_CHALLENGE}/cancel", _command(challenges.cancel), _WRITE
    ),
    Endpoint("challenge-show", "GET", f"{_CHALLENGE}/show", _show, ("challenge:read",)),
    Endpoint("challenge-list", "GET", "/api/challenge", _list, _READ),
    Endpoint("challenge-create", "POST", "/api/challenge/{user}", _create, _WRITE),
)
