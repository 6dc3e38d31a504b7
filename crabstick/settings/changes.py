"""Says in words how two settings differ."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from crabstick.errors import ConfigError
from crabstick.explain import shown
from crabstick.settings.model import Settings


def changes(message: Mapping[str, object], new: Settings) -> list[str]:
    """How settings in a message differ from `new`: `challenges.max_games: 4 -> 6`; no secrets."""
    try:
        found = [*_changes("", Settings.from_message(message), new)]
    except ConfigError:
        return ["the settings before are those of another version, and not compared"]
    return found or ["the settings are the same; the code has changed"]


def _changes(key: str, old: object, new: object, *, is_shown: bool = True) -> Iterator[str]:
    sections = [dict(one) for one in (old, new) if isinstance(one, BaseModel | Mapping)]
    if old == new:
        return
    if len(sections) < 2:  # noqa: PLR2004 -- not both
        yield f"{key}: {_words(old)} -> {_words(new)}" if is_shown else f"{key} has changed"
        return
    fields = type(new).model_fields if isinstance(new, BaseModel) else {}
    before, after = sections
    for name in dict.fromkeys([*before, *after]):
        shows = is_shown and (name not in fields or fields[name].repr)
        place = f"{key}.{name}".removeprefix(".")
        yield from _changes(place, before.get(name), after.get(name), is_shown=shows)


def _words(value: object) -> str:
    if isinstance(value, tuple) and any(isinstance(each, BaseModel) for each in value):
        return f"{len(value)} of them, some changed"
    if isinstance(value, frozenset | tuple):
        return ", ".join(sorted(map(_words, value))) or "none"
    if isinstance(value, BaseModel | Mapping | None):
        return "not set" if value is None else "set"
    return str(value) if isinstance(value, Path) else shown(value).strip("'")
