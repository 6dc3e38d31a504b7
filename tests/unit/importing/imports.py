"""Runs `crabstick import-config` on a text, as a user would on a file."""

import io
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from crabstick.commands.import_config import import_config
from crabstick.settings import Settings, settings_from

FILES = Path(__file__).with_name("files")


class Imported(NamedTuple):
    """The new settings, their text, and what the command printed."""

    settings: Settings
    text: str
    printed: str

    @property
    def notes(self) -> dict[str, str]:
        """Old key -> why it has no counterpart."""
        lines = self.text.partition("# Without a counterpart:\n")[2].splitlines()
        pairs = (line.removeprefix("# ").partition(": ") for line in lines)
        return {key: why for key, _, why in pairs}


def imported(text: str, folder: Path) -> Imported:
    source, output = folder / "config.yml", folder / "crabstick.yaml"
    source.write_text(text, encoding="utf-8")
    console = Console(file=io.StringIO(), width=1000, markup=False)
    import_config(source, output, force=True, console=console)
    written = output.read_text(encoding="utf-8")
    settings = settings_from(written, {}, source=str(output), folder=folder)
    assert isinstance(console.file, io.StringIO)
    return Imported(settings, written, console.file.getvalue())
