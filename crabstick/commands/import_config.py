"""`crabstick import-config`: writes crabstick.yaml from the settings of lichess-bot or BotLi."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.console import Console

from crabstick.errors import ConfigError
from crabstick.explain import counted, public
from crabstick.importing.botli import BOTLI
from crabstick.importing.lichess_bot import LICHESS_BOT
from crabstick.importing.table import Found, Keys, Old, flattened, translate
from crabstick.read_text import read_text
from crabstick.settings import Settings, settings_from
from crabstick.yaml_documents import read_document

_LARGEST: Final = 1_000_000
_VERBATIM: Final = ("uci_options", "xboard_options", "homemade_options", "engine_options")
_PROGRAMS: Final = (LICHESS_BOT, BOTLI)
_WORD: Final = re.compile(
    r'(?<!\\)"((?!(?:true|false|yes|no|on|off|null|y|n)")[a-z./~][\w./+-]*|[\d.]+\+\d+)"',
    re.IGNORECASE,
)
"""A word in JSON that is the same text in YAML without its quotes."""
_COLUMN: Final = 40
_HEAD: Final = """\
# Settings of crabstick, from those of {}; each comment names the old key. A token does not belong
# here: put it into the environment variable LICHESS_BOT_TOKEN, or into a file of its own, and name
# that file in lichess.token_file."""
_LONGER: Final = len("xxxxxxxx")
"""A shorter token is none."""


def import_config(file: Path, output: Path, *, force: bool, console: Console) -> None:
    """Writes the settings in `file` as ours, and prints what has no counterpart.

    Raises:
        ConfigError: `file` is not of these programs, or says what our settings cannot be, or
            `output` cannot be written, or is there already and `force` is not given.
    """
    if output.exists() and not force:
        raise ConfigError(f"{output} is there already: give --force, or another file by --output")
    text = read_text(file, named_by="the configuration", limit=_LARGEST)
    folder = file.resolve().parent
    base = "." if folder == output.resolve().parent else str(folder)
    old = Old(dict(flattened(read_document(text, str(file), verbatim=_VERBATIM))), base, [])
    program = max(_PROGRAMS, key=lambda one: one.signs_in(old))
    if not program.signs_in(old):
        signs = (f"{one.name} has ({', '.join(one.signs())})" for one in _PROGRAMS)
        raise ConfigError(f"{file} has no key that only {', and none that only '.join(signs)}")
    found, notes = translate(old, program)
    token = str(old.get("token") or "")

    def without_token(lines: list[str]) -> str:
        text = "\n".join(lines)
        return public(text.replace(token, "(token)") if len(token) > _LONGER else text)

    lines = [*_lines(found), "", "# Without a counterpart:"]
    lines += [f"# {_printable(f'{key}: {why}')}" for key, why in notes.items()]
    written = without_token([_HEAD.format(program.name), *lines, ""])
    settings_from(written, {}, source=f"as settings of crabstick, {file}", folder=folder)
    _write(output, written)
    said = [f"{output}: {counted(len(found), 'setting')} from {file} of {program.name}"]
    said += [f"without a counterpart: {key}: {why}" for key, why in notes.items()]
    said += ["next: set LICHESS_BOT_TOKEN, and run crabstick check"]
    console.print(without_token(said), soft_wrap=True)


def _lines(found: Found) -> Iterator[str]:
    """The settings in the order of ours, with comments; each entry of a mapping is a line."""
    sections, before = list(Settings.model_fields), Keys()
    for keys in sorted(found, key=lambda keys: (sections.index(keys[0]), keys[:-1])):
        value, origin = found[keys]
        for depth in range(len(keys) - 1):
            if keys[: depth + 1] != before[: depth + 1]:
                yield "\n" * (not depth) + f"{'  ' * depth}{_yaml(keys[depth])}:"
        indent, below = "  " * (len(keys) - 1), value if isinstance(value, dict) else {}
        line = f"{indent}{_yaml(keys[-1])}:{'' if below else f' {_yaml(value)}'}"
        yield f"{line:<{_COLUMN}} # {_printable(origin)}"
        yield from (f"{indent}  {_yaml(key)}: {_yaml(it)}" for key, it in below.items())
        before = keys


def _yaml(value: object) -> str:
    return _WORD.sub(r"\1", json.dumps(value))


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _write(path: Path, text: str) -> None:
    """Writes the file whole or not at all."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
