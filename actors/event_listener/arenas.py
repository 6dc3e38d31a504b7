"""Plays arena tournaments that the owner has joined, until they are over.

The games come as events, like all others. Lives in the EventListener; the state file remembers the
tournaments across restarts.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from crabstick.errors import ConfigError, CrabstickError, EnvironmentProblem, Refused
from crabstick.lichess.interface import LichessPort
from crabstick.read_text import read_text
from crabstick.rules.lichess_types import Arena, GameSummary
from crabstick.state_file import StateFile
from crabstick.telemetry import log_events
from crabstick.telemetry.logs import get_logger

SCOPE: Final = "tournament:write"
ASK_EVERY: Final = timedelta(seconds=50)
"""Lichess pairs a bot for a minute after each request."""
SECTION: Final = "arenas"
_LARGEST_PASSWORD: Final = 1000


class Arenas:
    """The tournaments of one bot; needs a running event loop."""

    def __init__(self, state: StateFile, port: Callable[[], LichessPort]) -> None:
        self._state = state
        self._port = port
        self._log = get_logger()
        self._joined = {
            arena: {str(key): str(value) for key, value in terms.items()}
            for arena, terms in state.read(SECTION).items()
            if isinstance(terms, dict)
        }
        self._known: dict[str, Arena] = {}
        self._games: dict[str, str] = {}

    def places(self) -> int:
        """How many places the next games of running tournaments need."""
        running = [arena for arena in self._known.values() if arena.starts_in is None]
        playing = set(self._games.values())
        return sum(arena.id in self._joined and arena.id not in playing for arena in running)

    def game_started(self, game: GameSummary) -> None:
        """Takes note of a game of a tournament."""
        if game.tournament:
            self._games[game.id] = game.tournament

    def game_finished(self, game_id: str) -> None:
        """The game is over; the tournament may have the next one."""
        self._games.pop(game_id, None)

    async def run(self) -> None:
        """Asks each tournament for games, until cancelled."""
        while True:
            for arena_id in list(self._joined):
                try:
                    await self._ask(arena_id)
                except CrabstickError as error:
                    self._log.warning(log_events.TOURNAMENT_FAILED, id=arena_id, why=str(error))
                    if isinstance(error, Refused):
                        self._forget(arena_id)  # over, deleted, or no place for us
            await asyncio.sleep(ASK_EVERY.total_seconds())

    async def tournament(self, words: Mapping[str, object]) -> list[str]:
        """Joins or leaves a tournament, or lists those that are joined.

        Raises:
            CrabstickError: Lichess does not let the bot in; nothing was changed.
        """
        arena_id = str(words.get("id") or "").rstrip("/").rpartition("/")[2]  # or its address
        if words.get("action") == "join":
            return await self._join(arena_id, words.get("team"), words.get("password_file"))
        if words.get("action") == "leave":
            if arena_id not in self._joined:
                raise EnvironmentProblem(f"the bot has not joined the tournament {arena_id}")
            await self._port().leave_arena(arena_id)
            self._forget(arena_id)
            return [f"the bot has left the tournament {arena_id}; a running game goes on"]
        arenas = [self._known.get(each) for each in self._joined]
        return [_shown(arena) for arena in arenas if arena] or ["no tournament is joined"]

    async def _join(self, arena_id: str, team: object, password_file: object) -> list[str]:
        if not arena_id.isalnum():
            raise ConfigError(f"{arena_id!r} is no id of a tournament: it has letters and digits")
        if SCOPE not in await self._port().token_scopes():
            raise ConfigError(
                f"the Lichess token lacks the scope {SCOPE}: get one by `login --tournaments`"
            )
        try:
            arena = await self._port().arena(arena_id)
        except Refused:
            raise EnvironmentProblem(f"there is no tournament {arena_id}") from None
        if arena.is_over:
            raise EnvironmentProblem(f"{arena.name} is over")
        if not arena.bots_allowed:
            raise EnvironmentProblem(f"{arena.name} does not allow bots")
        terms = {"team": team, "password_file": password_file}
        kept = {key: str(value) for key, value in terms.items() if value}
        await self._port().join_arena(arena_id, *_terms(kept))
        self._known[arena_id] = arena
        self._joined[arena_id] = kept
        self._state.write(SECTION, self._joined)
        return [f"the bot has joined {_shown(arena)}"]

    async def _ask(self, arena_id: str) -> None:
        arena = self._known[arena_id] = await self._port().arena(arena_id)
        if arena.is_over:
            self._log.info(log_events.TOURNAMENT_OVER, id=arena_id, name=arena.name)
            self._forget(arena_id)
        elif arena_id not in self._games.values():
            await self._port().join_arena(arena_id, *_terms(self._joined[arena_id]))

    def _forget(self, arena_id: str) -> None:
        self._joined.pop(arena_id, None)
        self._known.pop(arena_id, None)
        self._state.write(SECTION, self._joined)


def _terms(kept: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Team and password; the password is read anew from the owner's file."""
    file = kept.get("password_file")
    if file is None:
        return kept.get("team"), None
    text = read_text(Path(file), named_by="--password-file", limit=_LARGEST_PASSWORD)
    return kept.get("team"), text.strip()


def _shown(arena: Arena) -> str:
    if arena.starts_in is None:
        return f"{arena.name} ({arena.id}), which runs"
    return f"{arena.name} ({arena.id}), which starts in {arena.starts_in}"
