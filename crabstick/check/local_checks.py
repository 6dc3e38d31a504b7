"""Checks this machine: the engine plays, the port is free, Lichess knows the bot's token."""

import asyncio
import json
import math
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from actors.local_ray.local_cluster import require_folders
from actors.local_ray.ports import LOOPBACK, PortTaken, require_free
from actors.ops.address import VARIABLE
from crabstick.check.finding import Finding
from crabstick.environment import home_folder
from crabstick.errors import ConfigError, EnvironmentProblem, Unauthorized, Unavailable
from crabstick.explain import counted
from crabstick.game.move_sources import MoveSources
from crabstick.list_sources import ListSources
from crabstick.rules.cluster_view import DEFAULT_ENGINE
from crabstick.rules.engine_choice import about, tasks
from crabstick.rules.lichess_types import Account
from crabstick.rules.variants import start_board
from crabstick.settings import Settings, read_admin_token, read_token
from engine.errors import BadOption, EngineError
from engine.options import accepted_options
from engine.uci_engine import TriedEngine
from engine.uci_engine import check as play_one_move

SCOPE: Final = "bot:play"
Tried = Mapping[str, TriedEngine | ConfigError]
"""Engines by their names in the settings; what is wrong with those that do not play."""


def engine(settings: Settings) -> Iterator[Finding]:
    """Checks that each engine plays, and tells which variants they lack."""
    tried = try_engines(settings, settings.demands())
    lacking = lacking_variants(settings, tried)
    for name, one in tried.items():
        if isinstance(one, ConfigError):
            yield Finding(str(one), ConfigError)
            continue
        key = "" if name == DEFAULT_ENGINE else f" as engines.{name}"
        yield Finding(f"{one.name} plays{key}{_pondering(settings, name, one)}")
        if lacks := ", ".join(lacking.get(name, ())):
            yield Finding(f"{one.name} does not play {lacks}{key}: such challenges are declined")
    yield from wrong_options(settings, tried)


def _pondering(settings: Settings, name: str, engine: TriedEngine) -> str:
    cores = math.inf if os.environ.get(VARIABLE) else len(os.sched_getaffinity(0))
    if not settings.engine_of(name).ponder:
        return ""
    if "Ponder" not in engine.offered:
        return ", but does not ponder: it lacks the option Ponder"
    if settings.may_ponder(name, math.inf, cores):
        return ", and ponders"
    return ", but does not ponder: games outnumber cores (challenges.max_games, engine.cpus)"


def try_engines(settings: Settings, names: Collection[str]) -> Tried:
    """Starts engines of the settings, and lets each play one move."""

    async def play(name: str) -> TriedEngine | ConfigError:
        try:
            return await play_one_move(settings.engine_spec(name))
        except EngineError as error:
            return ConfigError(about(name, str(error)))

    async def play_all() -> Tried:
        return dict(zip(names, await asyncio.gather(*map(play, names)), strict=True))

    return asyncio.run(play_all())


def lacking_variants(settings: Settings, tried: Tried) -> dict[str, list[str]]:
    """The variants that an engine may have to play and does not, by the engine's name.

    Raises:
        ConfigError: no engine plays any variant that is accepted.
    """
    wanted, lacking = sorted(settings.challenges.variants), dict[str, list[str]]()
    is_played = False
    for key, variant in tasks(settings.engines, wanted):
        name = settings.target(key)
        one = tried[name]
        if isinstance(one, ConfigError) or one.plays(start_board(variant)):
            is_played = True
        elif variant not in lacking.setdefault(name, []):
            lacking[name].append(variant)
    if not is_played:
        raise ConfigError(
            f"challenges.variants is {', '.join(wanted)}, and the engine for that does not "
            "play it: add a variant that it plays, or name another engine"
        )
    return lacking


def wrong_options(settings: Settings, tried: Tried) -> Iterator[Finding]:
    """What is wrong with the options of positions."""
    for index, position in enumerate(settings.positions):
        name = settings.engine_for(position.traits, position)
        engine = tried[name]
        if isinstance(engine, ConfigError):
            continue
        try:
            accepted_options(
                replace(settings.engine_spec(name), options=position.options), engine.offered
            )
        except BadOption as error:
            yield Finding(f"positions[{index}].options: {error}", ConfigError)


def positions(settings: Settings) -> Iterator[Finding]:
    """Tells which engine plays which position."""
    for position in settings.positions:
        key = engine_key(settings.engine_for(position.traits, position))
        yield Finding(f"{position.name or position.fen}: {key} plays {position.bot_color or 'it'}")
    if settings.positions and "fromPosition" not in settings.challenges.variants:
        yield Finding("challenges.variants does not accept fromPosition")


def engine_key(name: str) -> str:
    """Where the settings describe an engine."""
    return "engine" if name == DEFAULT_ENGINE else f"engines.{name}"


def sources(settings: Settings) -> tuple[Finding, ...]:
    """Finds what is wrong with the books and tablebases, if the settings name any."""
    opened = MoveSources.open(settings)
    if opened is None:
        return ()
    return tuple(Finding(why, ConfigError) for why in opened.problems) or (Finding("are usable"),)


def lists(settings: Settings) -> Iterator[Finding]:
    """Reads the lists of players that the settings name by file or web address."""
    keys = ("allow_list", "block_list", "only_from")
    named = {key: names for key in keys if (names := getattr(settings.challenges, key))}
    if not named:
        return
    with tempfile.TemporaryDirectory() as folder:
        for key, entries in named.items():
            read = ListSources(Path(folder)).read(f"challenges.{key}", entries)
            names, problems = asyncio.run(read)
            yield from (Finding(why, ConfigError) for why in problems)
            if not problems:
                yield Finding(f"challenges.{key} has {counted(len(names), 'player')}")


def folders(_settings: Settings) -> Iterator[Finding]:
    """Checks that a local Ray cluster can write its folders."""
    if os.environ.get(VARIABLE):
        yield Finding(f"not needed: {VARIABLE} names a cluster")
    else:
        require_folders()
        yield Finding(f"{home_folder()} and {tempfile.gettempdir()} can be written")


def http(settings: Settings) -> Iterator[Finding]:
    """Checks that the port is free or serves a bot; raises `PortTaken` for another program."""
    host, port = settings.http.host, settings.http.port
    if not settings.http.enabled:
        yield Finding("switched off (http.enabled)")
        return
    if os.environ.get(VARIABLE):
        yield Finding(
            f"not checked: the endpoints run on the head of the cluster that {VARIABLE} names"
        )
        return
    try:
        require_free(host, port)
        yield Finding(f"port {port} on {host} is free")
    except PortTaken:
        everywhere = "0.0.0.0"  # noqa: S104 -- the owner's choice, not ours
        if not _is_served(LOOPBACK if host == everywhere else host, port):
            raise
        yield Finding(f"a bot serves port {port} on {host} already")


def _is_served(host: str, port: int) -> bool:
    """Whether a crabstick listens there."""
    connection = HTTPConnection(host, port, timeout=3)
    try:
        connection.request("GET", "/livez")
        return bool(json.load(connection.getresponse()) == {"ok": True})
    except (OSError, HTTPException, ValueError):
        return False
    finally:
        connection.close()


def shutdown(settings: Settings) -> Iterator[Finding]:
    """Reports whether `POST /shutdown` is open."""
    guarded = read_admin_token(settings) is not None
    yield Finding("needs the admin token" if guarded else "closed, no admin token is set")


def account(settings: Settings) -> Iterator[Finding]:
    """Checks that Lichess knows the bot."""
    name = identify(settings).name
    yield Finding(f"{settings.lichess.url} knows {name} as a bot with {SCOPE}")


def identify(settings: Settings) -> Account:
    """The bot that the token belongs to.

    Raises:
        ConfigError: there is no token, Lichess does not know it, or it lacks `bot:play`.
        EnvironmentProblem: Lichess cannot be reached, or the account is not a BOT account.
    """
    url = settings.lichess.url
    advice = f"run `crabstick login`, or make one at {url}/account/oauth/token that has {SCOPE}"
    try:
        found, scopes = asyncio.run(_ask(url, read_token(settings)))
    except Unauthorized:
        raise ConfigError(f"{url} does not know the Lichess token: {advice}") from None
    except Unavailable as error:
        raise EnvironmentProblem(str(error)) from None
    is_no_bot = (
        f"{found.name} is not a BOT account: `crabstick upgrade-account` makes it one (this cannot "
        "be undone, and is possible only while it has played no game)"
    )
    if SCOPE not in scopes:
        also = "" if found.is_bot else f"; besides, {is_no_bot}"
        raise ConfigError(
            f"the Lichess token of {found.name} lacks the scope {SCOPE}: {advice}{also}"
        )
    if not found.is_bot:
        raise EnvironmentProblem(is_no_bot)
    return found


async def _ask(url: str, token: SecretStr) -> tuple[Account, frozenset[str]]:
    from crabstick.lichess.account_client import open_lichess  # noqa: PLC0415 -- takes a second

    lichess = open_lichess(url, token)
    try:
        scopes = await lichess.token_scopes()
        return await lichess.account(), scopes
    finally:
        await lichess.close()
