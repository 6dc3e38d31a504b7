"""Builders of small worlds for the tests of the sandbox; tests choose the current time."""

import json
import random
from typing import Any

import chess

from crabstick.sandbox import games, moves
from crabstick.sandbox.accounts import Accounts, Bearer, SandboxAccount, default_accounts
from crabstick.sandbox.challenge_form import Terms
from crabstick.sandbox.options import Options
from crabstick.sandbox.state import SandboxGame, World
from crabstick.sandbox.streams import Message
from crabstick.sandbox.vocabulary import VARIANTS, TimeControl

NOON_MS = 1_800_000_000_000.0
"""The start of every game in these tests."""


def seeded(number: int) -> random.Random:
    return random.Random(number)


def a_world(options: Options | None = None, accounts: Accounts | None = None) -> World:
    return World(accounts or default_accounts(), options or Options(), seeded(1))


def a_bearer(user_id: str, token: str) -> Bearer:
    return Bearer(token, SandboxAccount(name=user_id), frozenset())


def terms(  # noqa: PLR0913  (a builder)
    *,
    limit_s: int | None = 60,
    increment_s: int = 0,
    fen: str | None = None,
    rules: tuple[str, ...] = (),
    days: int | None = None,
    variant: str = "standard",
) -> Terms:
    return Terms(
        variant=VARIANTS["fromPosition" if fen and variant == "standard" else variant],
        clock=None if limit_s is None else TimeControl(limit_s, increment_s),
        days=days,
        initial_fen=fen,
        rules=rules,
    )


def a_game(
    world: World,
    game_terms: Terms | None = None,
    *,
    white: str = "crabstick",
    black: str = "sparring1",
) -> SandboxGame:
    game_id = world.new_id()
    players = {chess.WHITE: world.accounts[white], chess.BLACK: world.accounts[black]}
    games.start(world, game_id, game_terms or terms(), players, NOON_MS)
    return world.games[game_id]


def move(
    world: World, game: SandboxGame, uci: str, *, at_s: float = 0.0, offering_draw: bool = False
) -> list[Message]:
    """Play a move for the side to move, `at_s` seconds after the start."""
    color = game.board.turn
    request = moves.MoveRequest(uci, color, NOON_MS + at_s * 1000, "test/1", offering_draw)
    return moves.play(world, game, request)


def play_out(world: World, game: SandboxGame, text: str) -> list[Message]:
    """Play moves one after another at noon; returns the messages of the last move."""
    messages: list[Message] = []
    for uci in text.split():
        messages = move(world, game, uci)
    return messages


def game_lines(messages: list[Message]) -> list[dict[str, Any]]:
    return [json.loads(item.text) for item in messages if item.kind == "game"]


def events(messages: list[Message], user_id: str) -> list[dict[str, Any]]:
    return [
        json.loads(item.text) for item in messages if (item.kind, item.place) == ("event", user_id)
    ]
