"""Translates the settings of another bot host by a table, with a row for each of its keys. Pure.

The tables are lichess_bot.csv and botli.csv. What has no counterpart ends as a note on the old key:
nothing is left out silently.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import PurePath
from typing import Any, Final, NamedTuple

from crabstick.explain import dotted, known_keys, shown
from crabstick.rules.engine_choice import conditions_of
from crabstick.rules.player_lists import NAME
from crabstick.rules.variants import VARIANTS
from crabstick.settings import Settings

Keys = tuple[str, ...]
Found = dict[Keys, tuple[Any, str]]
"""Our key -> our value, and where it comes from."""
Convert = Callable[..., Any]
"""Makes our value of the old one, all old settings, and the name for `*`; None sets nothing."""
SPEEDS: Final = ("bullet", "blitz", "rapid", "classical")
VARIANT_OF: Final = {
    **{variant.lower(): variant for variant in VARIANTS},
    "giveaway": "antichess",
    "3check": "threeCheck",
}
"""A variant in the words of other programs, in lower case -> Lichess's word."""
_OURS: Final = frozenset(known_keys(Settings))
_TRUE: Final = ("true", "yes", "on")
_REFUSING: Final = frozenset({"modes", "time_controls", "variants"})
"""The converters of lists that refuse everybody if they are empty; other empty keys are no keys."""


class NoCounterpart(Exception):
    """Our settings cannot hold a value; the message says why."""


class Old(NamedTuple):
    """The settings of another program: each key with its value, whole sections included.

    Relative paths begin at `base`. Converters tell in `left` what they leave out of a value.
    """

    flat: Mapping[Keys, Any]
    base: str
    left: list[str]

    def get(self, *keys: str) -> Any:  # noqa: ANN401 - YAML brings anything
        """A value; None without one."""
        return self.flat.get(keys)

    def section(self, *keys: str) -> Mapping[str, Any]:
        """The values of a section; none of anything else."""
        value = self.flat.get(keys)
        return value if isinstance(value, Mapping) else {}

    def path(self, *parts: object) -> str:
        """The path of what the other program finds at these parts of a path."""
        path = PurePath(*(str(part) for part in parts if part))
        is_fixed = path.is_absolute() or path.parts[:1] == ("~",)
        return str(path) if is_fixed else f"{self.base}/{path}".removesuffix("/.")


class Row(NamedTuple):
    """What becomes of an old key and those below it; `*` is a name, and the same one in our key.

    `how` names a converter, perhaps with our bounds, or is `=` and our value in JSON. `default` is
    what the program does without the key, in JSON. A `sign` is a key that no other program has.
    Without a key of ours, `why` says why.
    """

    old: Keys
    new: Keys
    how: str
    default: str
    sign: str
    why: str


class Program(NamedTuple):
    """A bot host."""

    name: str
    rows: Sequence[Row]
    converters: Mapping[str, Convert]

    def signs(self) -> list[str]:
        """The keys that no other program has."""
        return list(dict.fromkeys(dotted(row.old) for row in self.rows if row.sign))

    def signs_in(self, old: Old) -> int:
        """How many of these there are."""
        return sum(bool(row.sign) and row.old in old.flat for row, _ in _expanded(self.rows, old))


def read_rows(table: str) -> list[Row]:
    """The rows of a table beside this file, without its head."""
    text = resources.files("crabstick.importing").joinpath(f"{table}.csv").read_text("utf-8")
    rows = csv.reader(text.splitlines()[1:])
    return [Row(_steps(old), _steps(new), *rest) for old, new, *rest in rows]


def _steps(key: str) -> Keys:
    return tuple(key.split(".")) if key else ()


def translate(old: Old, program: Program) -> tuple[Found, dict[str, str]]:
    """Our settings for the old ones, and notes on old keys without a counterpart."""
    found, notes = Found(), dict[str, str]()
    off, told = set[Keys](), set[Keys]()
    for row, name in _expanded(program.rows, old):
        told.add(row.old)
        if row.how == "switch" and str(old.get(*row.old)).lower() not in _TRUE:
            off.add(row.old[:-1])
            old.left.append("it is off, so the keys beside it were not read")
        elif off.isdisjoint(row.old[:end] for end in range(len(row.old))):
            _follow(row, name, old, program, found)
        if old.left and old.get(*row.old) is not None:
            notes[dotted(row.old)] = "; ".join(dict.fromkeys(old.left))
        old.left.clear()
    for keys, value in old.flat.items():
        is_told = not told.isdisjoint(keys[:end] for end in range(len(keys) + 1))
        if not is_told and value is not None and not isinstance(value, Mapping):
            notes[dotted(keys)] = f"crabstick knows no such key of {program.name}"
    return found, notes


def _follow(row: Row, name: str, old: Old, program: Program, found: Found) -> None:
    """Adds our value for a row."""
    try:
        keys, ours = _target(row, name), _ours(row, name, old, program)
    except NoCounterpart as why:
        old.left.append(str(why))
        return
    origin = f"{program.name}'s default" if old.get(*row.old) is None else dotted(row.old)
    origin += f": {row.why}" if row.why else ""
    if isinstance(ours, list) and keys in found:  # two old lists are one of ours
        before, its_origin = found[keys]
        ours, origin = before + ours, f"{its_origin}; {origin}"
    if ours is not None:
        found[keys] = ours, origin


def flattened(values: object, keys: Keys = ()) -> Iterator[tuple[Keys, object]]:
    """Each key with its value, whole sections included."""
    if isinstance(values, Mapping):
        values = {str(key): value for key, value in values.items()}
        for key, value in values.items():
            yield from flattened(value, (*keys, key))
    yield keys, values


def _expanded(rows: Sequence[Row], old: Old) -> Iterator[tuple[Row, str]]:
    """The rows, those with `*` for each name; a row for just this key goes before them."""
    exact = {row.old for row in rows}
    for row in rows:
        at = row.old.index("*") if "*" in row.old else len(row.old)
        for name in old.section(*row.old[:at]) if "*" in row.old else ("",):
            here = (*row.old[:at], *filter(None, [name]), *row.old[at + 1 :])
            if not name or here not in exact:
                yield row._replace(old=here), name


def _ours(row: Row, name: str, old: Old, program: Program) -> Any:  # noqa: ANN401 - of any key
    """Our value, within our bounds; None for nothing to set."""
    value, section = old.get(*row.old), row.old[:-1]
    if value is None and row.how in _REFUSING and row.old in old.flat:
        value = []
    if value is None and row.default and (section in old.flat or section == ("challenge",)):
        value = json.loads(row.default)
    if value is None or row.how.startswith("="):
        return None if value is None else json.loads(row.how[1:])
    how, *bounds = row.how.split()
    ours = program.converters[how](value, old, name)
    if bounds and ours is not None:
        return int(max(int(bounds[0]), min(ours, int(bounds[1]))))
    return ours


def _target(row: Row, name: str) -> Keys:
    """Our key; the engine for standard chess is the one for all that no other plays."""
    if not row.new:
        raise NoCounterpart(row.why)
    name = "_".join(VARIANT_OF.get(word.lower(), word) for word in name.split("_"))
    keys = tuple(name if step == "*" else step for step in row.new)
    if keys[0] == "engines" and conditions_of(name) is None:
        raise NoCounterpart(f"{name} fits no game that crabstick tells apart")
    if name and keys[0] == "books" and name not in VARIANTS:
        raise NoCounterpart("crabstick has books by variant only")
    plain = ("engine", *keys[2:]) if keys[0] == "engines" else keys
    if all(dotted(plain[:end]) not in _OURS for end in range(len(plain) + 1)):
        raise NoCounterpart("crabstick does not do this yet")
    return plain if name == "standard" else keys


def listed(value: object) -> list[Any]:
    """A list, or the one value in place of a list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def number(value: object, *_: object) -> float:
    """A number, also as text."""
    try:
        return float(str(value))
    except ValueError:
        raise NoCounterpart(f"{shown(value)} is no number") from None


def one_of(known: Mapping[str, object]) -> Convert:
    """One of some words."""

    def convert(value: object, *_: object) -> object:
        if str(value).lower() not in known:
            raise NoCounterpart(f"{shown(value)} has no counterpart")
        return known[str(value).lower()]

    return convert


def words(ours: Callable[[str], object]) -> Convert:
    """A list of words, without those for which there is nothing."""

    def convert(value: object, old: Old, _: str) -> list[object]:
        both = [(word, ours(str(word).strip())) for word in listed(value)]
        old.left.extend(f"{shown(word)} has no counterpart" for word, it in both if not it)
        return [it for _, it in both if it]

    return convert


def options(value: object, *_: object) -> dict[str, object]:
    """An engine's options; what stands below one of them is none."""
    if not isinstance(value, Mapping):
        raise NoCounterpart("it is no mapping of names to values")
    return {str(name): it for name, it in value.items() if not isinstance(it, Mapping | list)}


yes = one_of({**dict.fromkeys(_TRUE, True), **dict.fromkeys(("false", "no", "off"), False)})
variants = words(lambda word: VARIANT_OF.get(word.lower()))
CONVERTERS: Final[Mapping[str, Convert]] = {
    "addresses": words(lambda word: "://" in word and word),
    "minutes": lambda value, *_: number(value) * 60,
    "modes": words(lambda word: word.lower() in {"casual", "rated"} and word.lower()),
    "names": words(lambda word: NAME.fullmatch(word) and word),
    "number": number,
    "options": options,
    "part": lambda *_: None,  # another row makes our value of this key, too
    "paths": lambda value, old, _: [old.path(path) for path in listed(value)],
    "selection": one_of(
        {"weighted_random": "weighted", "uniform_random": "uniform", "best_move": "best"}
    ),
    "switch": lambda *_: None,
    "text": lambda value, *_: str(value),
    "thousands": lambda value, *_: number(value) * 1000,
    "twice": lambda value, *_: number(value) * 2,
    "variants": variants,
    "yes": yes,
}
"""Those that both programs need."""
