"""Reads the lists of players that the settings name: names, text files and web addresses.

A web address is asked again every hour, with its ETag. Its last good copy is kept on disk, and
stands while the server fails.
"""

import asyncio
import hashlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Final

import aiohttp

from crabstick import __version__
from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.lichess.http import TRANSPORT_ERRORS, open_session
from crabstick.read_text import read_text, write_text
from crabstick.rules.player_lists import parse_names

LARGEST: Final = 2 * 1024 * 1024
"""In bytes: some hundred thousand names."""
FETCH_LIMIT: Final = timedelta(seconds=15)


@dataclass
class ListSources:
    """The lists of one bot; `folder` keeps the copies of web lists."""

    folder: Path
    _etags: dict[str, str] = field(default_factory=dict)
    _names: dict[str, frozenset[str]] = field(default_factory=dict)

    async def read(
        self, key: str, entries: Iterable[str], *, is_online: bool = True
    ) -> tuple[frozenset[str], list[str]]:
        """All names of one setting, and a sentence about each list that could not be read.

        Unless `is_online`, the kept copies stand for lists on the web.
        """
        names: set[str] = set()
        problems: list[str] = []
        for entry in entries:
            if "://" not in entry and "/" not in entry:
                names.add(entry.lower())
                continue
            try:
                if is_online or "://" not in entry:
                    self._names[entry] = await self._read_list(key, entry)
            except ConfigError as error:
                problems.append(str(error))
            names |= self._names.get(entry) or self._kept(entry)
        return frozenset(names), problems

    async def _read_list(self, key: str, entry: str) -> frozenset[str]:
        if "://" in entry:
            text = await self._fetch(key, entry)
            if text is None:
                return self._names[entry]
        else:
            text = await asyncio.to_thread(read_text, Path(entry), named_by=key, limit=LARGEST)
        try:
            names = parse_names(text)
        except ValueError as error:
            raise ConfigError(f"{key} {entry}: {error}") from None
        if "://" in entry:
            await asyncio.to_thread(self._keep, entry, names)
        return names

    async def _fetch(self, key: str, url: str) -> str | None:
        """The text of a web list; None when it is the one that we have.

        Raises:
            ConfigError: the server does not answer, or with something else.
        """
        headers = {"User-Agent": f"crabstick/{__version__}"}
        if url in self._names and url in self._etags:
            headers["If-None-Match"] = self._etags[url]
        timeout = aiohttp.ClientTimeout(total=FETCH_LIMIT.total_seconds())
        try:
            async with (
                open_session(url) as session,
                session.get(url, headers=headers, timeout=timeout) as response,
            ):
                if response.status == HTTPStatus.NOT_MODIFIED:
                    return None
                if response.status != HTTPStatus.OK:
                    raise ConfigError(f"{key} {url}: the server answered {response.status}")
                content = await response.content.read(LARGEST + 1)
                while len(content) <= LARGEST and (more := await response.content.readany()):
                    content += more
        except TRANSPORT_ERRORS as error:
            why = "no answer in time" if isinstance(error, TimeoutError) else str(error)
            raise ConfigError(f"{key} {url}: {why}") from None
        if len(content) > LARGEST:
            raise ConfigError(f"{key} {url} is larger than {LARGEST} bytes; is it the right list?")
        self._etags[url] = response.headers.get("ETag", "")
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ConfigError(f"{key} {url} is not UTF-8 text; is it the right list?") from None

    def _copy(self, url: str) -> Path:
        return self.folder / f"list-{hashlib.sha256(url.encode()).hexdigest()[:16]}.txt"

    def _keep(self, url: str, names: frozenset[str]) -> None:
        with suppress(EnvironmentProblem):  # the list itself is what counts
            write_text(self._copy(url), "\n".join(sorted(names)))

    def _kept(self, entry: str) -> frozenset[str]:
        if "://" not in entry:
            return frozenset()
        try:
            return parse_names(read_text(self._copy(entry), named_by=entry, limit=LARGEST))
        except (ConfigError, ValueError):
            return frozenset()
