"""Keeps the lists of players: those of the settings, and the owner's `block` and `allow`."""

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from crabstick.errors import ConfigError
from crabstick.list_sources import ListSources
from crabstick.rules.challenges import Standing
from crabstick.rules.player_lists import NAME, PlayerLists
from crabstick.settings import Settings
from crabstick.state_file import StateFile
from crabstick.telemetry import log_events
from crabstick.telemetry.logs import get_logger

REFRESH: Final = timedelta(hours=1)
SECTION: Final = "players"
"""In the state file: name -> [is blocked, until when]."""


class ListKeeper:
    """All lists of one bot; `standing` never waits."""

    def __init__(self, settings: Settings, state: StateFile) -> None:
        self._challenges = settings.challenges
        self._state = state
        self._sources = ListSources(state.path.parent)
        self._log = get_logger()
        self._lists = PlayerLists(own=_own(state.read(SECTION)))

    def standing(self, name: str) -> Standing:
        """What the lists say of a player."""
        return self._lists.standing(name, time.time())

    async def run(self) -> None:
        """Reads the lists again and again, until cancelled; first without the web."""
        await self._refresh(is_online=False)
        while True:
            await self._refresh(is_online=True)
            await asyncio.sleep(REFRESH.total_seconds())

    async def _refresh(self, *, is_online: bool) -> None:
        found = {}
        for key in ("allow_list", "block_list", "only_from"):
            entries = getattr(self._challenges, key)
            found[key], problems = await self._sources.read(
                f"challenges.{key}", entries, is_online=is_online
            )
            for problem in problems:
                self._log.warning(log_events.LIST_UNREADABLE, why=problem)
        self._lists = PlayerLists(
            allowed=found["allow_list"],
            blocked=found["block_list"],
            only_from=found["only_from"] if self._challenges.only_from else None,
            own=self._lists.own,
        )

    async def block(self, words: Mapping[str, object]) -> list[str]:
        """Declines a player's challenges from now on."""
        return self._set(words, is_blocked=True)

    async def allow(self, words: Mapping[str, object]) -> list[str]:
        """Lets a player challenge whatever the settings say."""
        return self._set(words, is_blocked=False)

    async def unblock(self, words: Mapping[str, object]) -> list[str]:
        """Takes back `block` and `allow`."""
        name = _name(words)
        own = {key: order for key, order in self._lists.own.items() if key != name.lower()}
        was_set = len(own) < len(self._lists.own)
        lines = [f"{name} is treated as the settings say"] if was_set else []
        if self._change(own).standing(name, time.time()) == "blocked":
            lines.append(f"challenges.block_list has {name}; `crabstick allow` overrides it")
        return lines or [f"{name} was not blocked"]

    def _set(self, words: Mapping[str, object], *, is_blocked: bool) -> list[str]:
        name, seconds = _name(words), words.get("seconds")
        until_s = time.time() + seconds if isinstance(seconds, int) else None
        self._change({**self._lists.own, name.lower(): (is_blocked, until_s)})
        what = "is blocked" if is_blocked else "may challenge"
        end = "" if until_s is None else f" until {time.strftime('%F %R', time.localtime(until_s))}"
        return [f"{name} {what}{end}"]

    def _change(self, own: Mapping[str, tuple[bool, float | None]]) -> PlayerLists:
        """Replaces the owner's orders; raises EnvironmentProblem where they cannot be kept."""
        lists = self._lists
        self._lists = PlayerLists(
            allowed=lists.allowed, blocked=lists.blocked, only_from=lists.only_from, own=own
        )
        self._state.write(SECTION, {name: list(order) for name, order in own.items()})
        return self._lists


def _own(raw: Mapping[str, object]) -> dict[str, tuple[bool, float | None]]:
    """The owner's orders as the state file has them, without what cannot be read."""
    found: dict[str, tuple[bool, float | None]] = {}
    for name, order in raw.items():
        match order:
            case [bool() as is_blocked, (int() | float() | None) as until_s]:
                found[name] = (is_blocked, until_s)
            case _:
                pass
    return found


def _name(words: Mapping[str, object]) -> str:
    name = str(words.get("name"))
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name[:40]!r} cannot be a name on Lichess (nothing was changed)")
    return name
