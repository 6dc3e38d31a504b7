"""Endpoints about accounts, tokens, presence, and the event stream."""

import chess

from crabstick.sandbox import challenges, routes_oauth
from crabstick.sandbox.accounts import SandboxAccount
from crabstick.sandbox.asgi import OK, AnyReply, Call, Reply
from crabstick.sandbox.endpoint import Endpoint
from crabstick.sandbox.errors import Json, api_error, not_found, too_many_requests
from crabstick.sandbox.lichess_json import (
    challenge_event,
    challenge_json,
    encode,
    game_event,
    game_json,
    light_user,
    user_json,
    without_none,
)
from crabstick.sandbox.request_limits import ACCOUNT, EVENTS
from crabstick.sandbox.sandbox import Sandbox
from crabstick.sandbox.state import SandboxGame
from crabstick.sandbox.streams import Reader

_MOST_USERS = 100
_MOST_BOTS = 512
_MOST_TOKENS = 1000
_DON_T_POLL_EVENTS = (
    "Please don't poll this endpoint, it is intended to be streamed. "
    "See https://lichess.org/api#tag/Board/operation/apiStreamEvent."
)
_DON_T_POLL_ACCOUNT = (
    "Please don't poll this endpoint. "
    "Stream https://lichess.org/api#tag/Board/operation/apiStreamEvent instead."
)


def _account(sandbox: Sandbox, call: Call) -> AnyReply:
    if not sandbox.world.limits.charge(ACCOUNT, call.account.id, call.received_ms):
        raise too_many_requests(_DON_T_POLL_ACCOUNT)
    return Reply.of(user_json(sandbox.world, call.account, call.received_ms))


def _playing(sandbox: Sandbox, call: Call) -> AnyReply:
    number = _number(call.query.get("nb"), default=9, most=50)
    fields = [game_json(game, color, call.received_ms) for game, color in _my_games(sandbox, call)]
    mine = sum(bool(game["isMyTurn"]) for game in fields)
    return Reply.of({"nowPlaying": list(fields[:number]), "nbMyTurn": mine})


def _revoke(sandbox: Sandbox, call: Call) -> AnyReply:
    sandbox.world.accounts.revoke(call.who.token)
    return Reply(status=204, body=b"")


def _test_tokens(sandbox: Sandbox, call: Call) -> AnyReply:
    found: dict[str, Json] = {}
    for token in call.body.decode("latin-1").split(",")[:_MOST_TOKENS]:
        bearer = sandbox.world.accounts.bearer(token.strip())
        found[token.strip()] = (
            {"userId": bearer.account.id, "scopes": bearer.scope_text, "expires": None}
            if bearer
            else None
        )
    return Reply.of(found)


def _upgrade(sandbox: Sandbox, call: Call) -> AnyReply:
    games = sandbox.world.games.values()
    if any(game.color_of(call.account) is not None for game in games):
        raise api_error("You already have games played. Make a new account.")
    sandbox.world.accounts.upgrade(call.account.id)
    return OK


def _events(sandbox: Sandbox, call: Call) -> AnyReply:
    """Opens the event stream, which starts with ongoing games and waiting challenges."""
    world, now_ms, user_id = sandbox.world, call.received_ms, call.account.id
    if not world.limits.charge(EVENTS, call.who.token, now_ms):
        raise too_many_requests(_DON_T_POLL_EVENTS)
    games = [
        game_event("gameStart", game, color, now_ms, live=False)
        for game, color in _my_games(sandbox, call)
    ]
    waiting = [
        challenge_event("challenge", challenge_json(world, challenge, now_ms))
        for challenge in challenges.incoming(world, call.account)
    ]
    reader = Reader("event", user_id, call.who, call.user_agent)
    return sandbox.stream(reader, games + waiting)


def _statuses(sandbox: Sandbox, call: Call) -> AnyReply:
    names = [name for name in call.query.get("ids", "").split(",") if name]
    if not names:
        raise api_error("No user ids provided")
    with_ids = call.query.get("withGameIds") == "true"
    found = (sandbox.world.accounts.get(name) for name in names[:_MOST_USERS])
    return Reply.of(
        [
            _status(sandbox, account, call.received_ms, with_ids=with_ids)
            for account in found
            if account is not None
        ]
    )


def _profile(sandbox: Sandbox, call: Call) -> AnyReply:
    account = sandbox.world.accounts.get(call.params["user"])
    if account is None:
        raise not_found()
    return Reply.of(user_json(sandbox.world, account, call.received_ms))


def _online_bots(sandbox: Sandbox, call: Call) -> AnyReply:
    number = _number(call.query.get("nb"), default=100, most=_MOST_BOTS)
    bots = [
        encode(user_json(sandbox.world, account, call.received_ms))
        for account in sandbox.world.accounts
        if account.is_bot and sandbox.world.presence.is_online(account.id, call.received_ms)
    ]
    return Reply(body=b"\n".join(bots[:number]), content_type=b"application/x-ndjson")


def _status(sandbox: Sandbox, account: SandboxAccount, now_ms: float, *, with_ids: bool) -> Json:
    playing = sandbox.world.games_of(account)
    return without_none(
        **light_user(account),
        online=sandbox.world.presence.is_online(account.id, now_ms) or None,
        playing=bool(playing) or None,
        playingId=playing[-1].id if playing and with_ids else None,
    )


def _my_games(sandbox: Sandbox, call: Call) -> list[tuple[SandboxGame, chess.Color]]:
    """The caller's games with the caller's colour: own turn first, then by time left."""

    def urgency(mine: tuple[SandboxGame, chess.Color]) -> tuple[bool, int]:
        game, color = mine
        return color is not game.board.turn, game.clock.left_ms(color, call.received_ms)

    games = sandbox.world.running.values()
    colors = ((game, game.color_of(call.account)) for game in games)
    return sorted(((game, color) for game, color in colors if color is not None), key=urgency)


def _number(text: str | None, *, default: int, most: int) -> int:
    try:
        return min(max(int(text or default), 1), most)
    except ValueError:
        return default


_PLAY = ("bot:play", "board:play", "challenge:read")

ENDPOINTS = (
    Endpoint("account", "GET", "/api/account", _account),
    Endpoint("playing", "GET", "/api/account/playing", _playing),
    Endpoint("token-revoke", "DELETE", "/api/token", _revoke),
    Endpoint("token-test", "POST", "/api/token/test", _test_tokens, access="public"),
    Endpoint("upgrade", "POST", "/api/bot/account/upgrade", _upgrade, ("bot:play",)),
    Endpoint("event-stream", "GET", "/api/stream/event", _events, _PLAY),
    Endpoint("users-status", "GET", "/api/users/status", _statuses, access="public"),
    Endpoint("user", "GET", "/api/user/{user}", _profile, access="public"),
    Endpoint("bots-online", "GET", "/api/bot/online", _online_bots, access="public"),
    *routes_oauth.ENDPOINTS,
)
