"""Where manifests come from: a file, a kustomize folder, or standard input."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.explain import public
from crabstick.read_text import read_text as read_small

__all__ = ["STANDARD_INPUT", "Source", "load"]

STANDARD_INPUT = "-"
_LARGEST = 10_000_000
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_RENDERERS: Final[Mapping[str, tuple[str, ...]]] = {
    "kubectl": ("kubectl", "kustomize"),
    "kustomize": ("kustomize", "build"),
}
_PATIENCE_S = 60
"""A kustomization may fetch what it names."""
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The text, what it is called, and whether its lines are those that somebody wrote."""

    text: str
    name: str
    has_lines: bool = False


def load(place: str) -> Source:
    """The manifests at `place`: a path, or `-` for standard input.

    Raises:
        ConfigError: nothing of that kind is there, or kustomize refuses it.
        EnvironmentProblem: it is a folder, and nobody can render it.
    """
    if place == STANDARD_INPUT:
        return Source(text=_standard_input(), name="standard input")
    if not place:
        raise ConfigError("the manifest has an empty name: name a file, a folder, or - for a pipe")
    path = Path(place)
    if path.is_fifo() and not place.startswith(("/dev/", "/proc/")):  # nobody may ever write to it
        raise ConfigError(f"{place} is a pipe: send it into `crabstick check --cluster -`")
    if path.name in _KUSTOMIZATIONS:
        path = path.parent
    if not path.is_dir():
        text = read_small(path, named_by="the manifest", limit=_LARGEST)
        return Source(text=text, name=place, has_lines=True)
    if not any((path / name).is_file() for name in _KUSTOMIZATIONS):
        raise ConfigError(
            f"{place} is a folder without {_KUSTOMIZATIONS[0]}: name a file, or a folder that "
            "kustomize can render"
        )
    return Source(text=_rendered(path), name=place)


def _standard_input() -> str:
    content = sys.stdin.buffer.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ConfigError(f"standard input is larger than {_LARGEST} bytes; is it a manifest?")
    if not content.strip():
        raise ConfigError("standard input is empty; pipe manifests into it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("standard input is not UTF-8 text; is it a manifest?") from None


def _rendered(folder: Path) -> str:
    command = next((words for name, words in _RENDERERS.items() if shutil.which(name)), None)
    if command is None:
        raise EnvironmentProblem(
            f"{folder} is a kustomize folder, and neither kubectl nor kustomize is here to render "
            "it: install one of them, or render it elsewhere and pipe that into "
            "`crabstick check --cluster -`"
        )
    try:
        done = subprocess.run(  # noqa: S603 -- one of ours, and a folder
            [*command, str(folder)],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        words = " ".join(command)
        raise EnvironmentProblem(
            f"`{words} {folder}` did not end within {_PATIENCE_S} s: what it names elsewhere "
            "may be out of reach"
        ) from None
    if done.returncode:
        raise ConfigError(f"{folder} cannot be rendered: {_reason(done.stderr)}")
    return done.stdout.decode("utf-8", errors="replace")


def _reason(said: bytes) -> str:
    """The words of kubectl, in one line, without those that are about kubectl."""
    text = " ".join(said.decode("utf-8", errors="replace").split())
    _, mark, after = text.partition('err="')
    words = after.removesuffix('"') if mark else text
    return public(words.replace('\\"', '"'))[:_LONGEST_REASON] or "no reason given"
