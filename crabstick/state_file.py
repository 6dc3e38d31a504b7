"""What a bot remembers across restarts: one small JSON file for each account.

The file is beside nothing that a user edits: `$XDG_STATE_HOME/crabstick/<server>/<account>.json`,
where `XDG_STATE_HOME` is `~/.local/state` by default. Where it cannot be written, the bot forgets.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from crabstick.environment import home_folder
from crabstick.errors import EnvironmentProblem
from crabstick.read_text import write_text

_LARGEST: Final = 4 * 1024 * 1024


class StateFile:
    """Sections of JSON by name; `path` may not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, url: str, account: str) -> "StateFile":
        """The file of an account on the Lichess at `url`.

        Raises:
            EnvironmentProblem: there is no home folder.
        """
        base = os.environ.get("XDG_STATE_HOME")
        folder = Path(base) if base else home_folder() / ".local" / "state"
        server = urlsplit(url).netloc.replace(":", "_")
        return cls(folder / "crabstick" / server / f"{account.lower()}.json")

    def read(self, section: str) -> Mapping[str, object]:
        """What was written under that name; empty when nothing readable is there."""
        found = self._all().get(section)
        return found if isinstance(found, dict) else {}

    def write(self, section: str, value: Mapping[str, object]) -> None:
        """Replaces a section; the file is never half written.

        Raises:
            EnvironmentProblem: the file cannot be written.
        """
        everything = {**self._all(), section: dict(value)}
        try:
            write_text(self.path, json.dumps(everything))
        except EnvironmentProblem as error:
            raise EnvironmentProblem(f"{error}: this is forgotten at the next restart") from None

    def _all(self) -> dict[str, object]:
        try:
            with self.path.open("rb") as file:
                content = json.loads(file.read(_LARGEST))
        except (OSError, ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}
