"""Endpoints about challenges."""

from crabstick.sandbox import challenges
from crabstick.sandbox.accounts import Account
from crabstick.sandbox.asgi import OK, AnyReply, Call, Reply
from crabstick.sandbox.endpoint import Endpoint
from crabstick.sandbox.errors import Json, refused
from crabstick.sandbox.render import challenge_json, encode
from crabstick.sandbox.sandbox import Sandbox
from crabstick.sandbox.state import Challenge
from crabstick.sandbox.streams import Line, Reader

__all__ = ["ENDPOINTS"]


def _create(sandbox: Sandbox, call: Call) -> AnyReply:
    """Make a challenge; with `keepAliveStream` the answer stays open until it is answered."""
    sender = _caller(sandbox, call)
    challenge, outgoing = challenges.create(
        sandbox.world, sender, call.params["user"], call.form, call.received_ms
    )
    shown = _shown(sandbox, challenge, sender, call.received_ms)
    sandbox.perform(outgoing)
    if not challenge.terms.keep_alive:
        return Reply.of(shown)
    reader = Reader(
        kind="challenge",
        user_id=sender.id,
        token=call.who.token,
        user_agent=call.user_agent,
        challenge_id=challenge.id,
    )
    return sandbox.stream(reader, [Line(encode(shown))])


def _refuse_ai(_sandbox: Sandbox, _call: Call) -> AnyReply:
    raise refused("The sandbox has no computer opponent: challenge one of its accounts")


def _accept(sandbox: Sandbox, call: Call) -> AnyReply:
    account = _caller(sandbox, call)
    sandbox.perform(
        challenges.accept(sandbox.world, account, call.params["challenge"], call.received_ms)
    )
    return OK


def _decline(sandbox: Sandbox, call: Call) -> AnyReply:
    sandbox.perform(
        challenges.decline(
            sandbox.world,
            _caller(sandbox, call),
            call.params["challenge"],
            call.form.get("reason", ""),
            call.received_ms,
        )
    )
    return OK


def _cancel(sandbox: Sandbox, call: Call) -> AnyReply:
    account = _caller(sandbox, call)
    sandbox.perform(
        challenges.cancel(sandbox.world, account, call.params["challenge"], call.received_ms)
    )
    return OK


def _list(sandbox: Sandbox, call: Call) -> AnyReply:
    account = _caller(sandbox, call)
    received, sent = challenges.listed(sandbox.world, account)

    def rows(found: list[Challenge]) -> list[Json]:
        return [_shown(sandbox, challenge, account, call.received_ms) for challenge in found]

    return Reply.of({"in": rows(received), "out": rows(sent)})


def _show(sandbox: Sandbox, call: Call) -> AnyReply:
    account = _caller(sandbox, call)
    challenge = challenges.shown(sandbox.world, account, call.params["challenge"])
    shown = _shown(sandbox, challenge, account, call.received_ms)
    game = sandbox.world.games.get(challenge.id)
    color = None if game is None else game.color_of(account.id)
    if game is not None and color is not None:
        shown["fullId"] = game.id + game.seats[color].player_id
    return Reply.of(shown)


def _shown(
    sandbox: Sandbox, challenge: Challenge, reader: Account, now_ms: float
) -> dict[str, Json]:
    """Show a challenge as HTTP answers do: with its direction."""
    shown = challenge_json(sandbox.world, challenge, now_ms)
    shown["direction"] = "out" if challenge.challenger_id == reader.id else "in"
    return shown


def _caller(sandbox: Sandbox, call: Call) -> Account:
    return sandbox.world.accounts[call.who.user_id]


_READ = ("challenge:read", "web:mobile")
_WRITE = ("challenge:write", "bot:play", "board:play", "web:mobile")

ENDPOINTS = (
    Endpoint(
        name="challenge-accept",
        method="POST",
        path="/api/challenge/{challenge}/accept",
        handler=_accept,
        scopes=_WRITE,
    ),
    Endpoint(
        name="challenge-decline",
        method="POST",
        path="/api/challenge/{challenge}/decline",
        handler=_decline,
        scopes=_WRITE,
    ),
    Endpoint(
        name="challenge-cancel",
        method="POST",
        path="/api/challenge/{challenge}/cancel",
        handler=_cancel,
        scopes=_WRITE,
    ),
    Endpoint(
        name="challenge-show",
        method="GET",
        path="/api/challenge/{challenge}/show",
        handler=_show,
        scopes=("challenge:read",),
    ),
    Endpoint(
        name="challenge-list", method="GET", path="/api/challenge", handler=_list, scopes=_READ
    ),
    Endpoint(
        name="challenge-ai",
        method="POST",
        path="/api/challenge/ai",
        handler=_refuse_ai,
        scopes=_WRITE,
    ),
    Endpoint(
        name="challenge-create",
        method="POST",
        path="/api/challenge/{user}",
        handler=_create,
        scopes=_WRITE,
    ),
)
