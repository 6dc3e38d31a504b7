"""`crabstick init`: asks six questions, and writes a commented `crabstick.yaml`."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Final

import typer
from rich.console import Console

from crabstick.check.local_checks import lacking_variants, try_engines
from crabstick.errors import ConfigError
from crabstick.read_text import write_text
from crabstick.rules.variants import VARIANTS
from crabstick.settings import read_token, settings_from
from crabstick.settings.fields import is_file_path

_SPEEDS: Final = ["bullet", "blitz", "rapid", "classical"]
QUESTIONS: Final = {
    "token_file": ("A file with the bot's token, or `login`", "login"),
    "engine": ("The path of a UCI engine, or `bundled`", "bundled"),
    "play": ("Variants and clocks", f"standard, {', '.join(_SPEEDS)}"),
    "opponents": ("Challenges of humans, bots or both", "both"),
    "max_games": ("Games at once", "4"),
    "matchmaking": ("Challenge other bots, too: yes or no", "no"),
}
_FILE: Final = Template(Path(__file__).with_name("init.template").read_text(encoding="utf-8"))
_OPPONENTS: Final = {"humans": ("", "modes: []"), "bots": ("modes: []", ""), "both": ("", "")}


def init(path: Path, flags: Sequence[str | None], *, force: bool, console: Console) -> None:
    """Writes the settings to `path`; asks what no flag answers if there is a terminal.

    Raises:
        ConfigError: a flag is wrong, or the file is there already.
    """
    if path.exists() and not force:
        raise ConfigError(f"{path} is there already: --force replaces it, --config names another")
    values: dict[str, str] = {}
    for question, (_, default) in QUESTIONS.items():
        values |= _values(question, default)
    for (question, (words, default)), flag in zip(QUESTIONS.items(), flags, strict=True):
        is_asked = flag is None and sys.stdin.isatty()
        while True:
            answer = typer.prompt(words, default=default) if is_asked else flag or default
            try:
                values = _accepted(question, answer.strip(), values, path)
                break
            except ConfigError as error:
                if not is_asked:
                    raise
                console.print(str(error), soft_wrap=True)
    write_text(path, _FILE.substitute(values))
    console.print(f"{path} is written; `crabstick check` looks at the token, too", soft_wrap=True)


def _accepted(question: str, answer: str, values: Mapping[str, str], path: Path) -> dict[str, str]:
    """The values with an answer; raises ConfigError when the bot could not run with it."""
    wanted = {**values, **_values(question, answer)}
    settings = settings_from(_FILE.substitute(wanted), {}, source=str(path))
    if settings.lichess.token_file:
        read_token(settings)
    if question in {"engine", "play"}:
        tried = try_engines(settings, settings.demands())
        for one in tried.values():
            if isinstance(one, ConfigError):
                raise one
        lacking_variants(settings, tried)
    return wanted


def _values(question: str, answer: str) -> dict[str, str]:
    """What an answer puts into the template."""
    if question in {"token_file", "engine"}:
        is_path = is_file_path(answer) and (question == "token_file" or "/" in answer)
        path = json.dumps(os.path.abspath(os.path.expanduser(answer)) if is_path else answer)  # noqa: PTH100, PTH111 -- Path.expanduser may raise
        usual = {"login": "# token_file: ./token", "bundled": "kind: bundled"}.get(answer)
        other = f"token_file: {path}" if question == "token_file" else f"kind: uci\n  path: {path}"
        return {question: usual or other}
    if question == "play":
        words = answer.replace(",", " ").split()
        variants = [word for word in words if word in VARIANTS] or ["standard"]
        clocks = [word for word in words if word not in VARIANTS] or _SPEEDS
        lists = {"variants": ", ".join(variants), "clocks": ", ".join(clocks)}
        return {**lists, "variant": variants[0]}
    if question == "opponents":
        if answer not in _OPPONENTS:
            raise ConfigError(f"{answer!r} is not known: write humans, bots or both")
        return dict(zip(("human", "bot"), _OPPONENTS[answer], strict=True))
    return {question: {"yes": "true", "no": "false"}.get(answer.lower(), answer)}
