"""The sandbox's own endpoints, under `/sandbox/`; they require the admin token."""

from crabstick.sandbox.asgi import OK, AnyReply, Call, Reply
from crabstick.sandbox.endpoint import Endpoint
from crabstick.sandbox.errors import not_found
from crabstick.sandbox.ledger_json import games_json, ledger_json
from crabstick.sandbox.sandbox import Sandbox


def _ledger(sandbox: Sandbox, call: Call) -> AnyReply:
    return Reply.of(ledger_json(sandbox, call.query.get("game")))


def _games(sandbox: Sandbox, _call: Call) -> AnyReply:
    return Reply.of(games_json(sandbox))


def _arm(sandbox: Sandbox, call: Call) -> AnyReply:
    return Reply.of(sandbox.faults.arm(call.body, sandbox.hub, call.received_ms))


def _armed(sandbox: Sandbox, call: Call) -> AnyReply:
    return Reply.of(sandbox.faults.armed(call.received_ms))


def _heal_all(sandbox: Sandbox, _call: Call) -> AnyReply:
    sandbox.faults.heal(list(sandbox.hub))
    return OK


def _heal_one(sandbox: Sandbox, call: Call) -> AnyReply:
    number = call.params["number"]
    if not number.isdecimal():
        raise not_found(f"A fault has a number, not '{number}'")
    sandbox.faults.heal(list(sandbox.hub), int(number))
    return OK


ENDPOINTS = (
    Endpoint(name="ledger", method="GET", path="/sandbox/ledger", handler=_ledger, access="admin"),
    Endpoint(name="games", method="GET", path="/sandbox/games", handler=_games, access="admin"),
    Endpoint(name="arm", method="POST", path="/sandbox/faults", handler=_arm, access="admin"),
    Endpoint(name="armed", method="GET", path="/sandbox/faults", handler=_armed, access="admin"),
    Endpoint(
        name="heal-all",
        method="DELETE",
        path="/sandbox/faults",
        handler=_heal_all,
        access="admin",
    ),
    Endpoint(
        name="heal-one",
        method="DELETE",
        path="/sandbox/faults/{number}",
        handler=_heal_one,
        access="admin",
    ),
)
