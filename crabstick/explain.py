"""Turns pydantic's errors into one sentence: the key, the value, and what would be right.

No sentence repeats what may be a secret.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from reprlib import Repr
from typing import Final, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

PREFIX: Final = "CRABSTICK__"
"""How our environment variables begin: CRABSTICK__HTTP__PORT is http.port."""
ELSEWHERE: Final = {
    "abort_time": "game.abort_after_s",
    "accept_bot": "challenges.accept_bots",
    "concurrency": "challenges.max_games",
    "draw_or_resign": "offer_draw",
    "engine_options": "engine.args",
    "go_commands": "engine.limits",
    "ignore_missing_options": "engine.ignore_unknown_options",
    "lichess_bot_tbs": "syzygy",
    "max_base": "challenges.max_initial_s",
    "min_base": "challenges.min_initial_s",
    "move_quality": "syzygy.instant_play",
    "movetime": "engine.limits.move_time_ms",
    "online_moves": "online",
    "opening_books": "books",
    "polyglot": "books",
    "uci_options": "engine.options",
    **dict.fromkeys(
        ("chessdb", "lichess_cloud", "online_egtb", "opening_explorer"), "online.sources"
    ),
}
"""Key of lichess-bot or BotLi, which its users may write here too -> our key."""
_TOKENS: Final = {
    "token": ("lichess.token_file", "LICHESS_BOT_TOKEN"),
    "admin_token": ("http.admin_token_file", "CRABSTICK_ADMIN_TOKEN"),
}
_ENGINE: Final = re.compile(r"^engines\.(?:\d\.\d|[^.])+")
"""One of several engines has the keys of `engine`."""
_TOKEN: Final = re.compile(r"(li[op]_)\w+")
_SECRET: Final = re.compile(r"@|\b(?=\w*[0-9])(?=\w*[A-Za-z])\w{12,}")
"""A user name in a URL, or a long word of letters and digits."""
_WORDS: Final = {
    "greater_than": "above 0",
    "tuple_type": "a list",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "model_type": "a mapping of keys to values",
    "string_type": "text",
}
_LISTS: Final = ("frozen_set_type", "list_type", "too_short")
_REPR = Repr()
_REPR.maxstring = _REPR.maxother = 80


def explain(
    error: ValidationError, model: type[BaseModel], *, source: str, variables: Collection[str] = ()
) -> str:
    """The first problem in words, and how many more there are.

    Args:
        error: what pydantic found.
        model: what the values were read as; the description of a field says what is right.
        source: the file or message that holds the values.
        variables: the dotted keys that the environment set instead.
    """
    problems = error.errors(include_url=False)
    # A missing key comes last: a typo in another key may explain it.
    first = min(problems, key=lambda problem: problem["type"] == "missing")
    more = len(problems) - 1
    count = f" (and {counted(more, 'more problem')})" if more else ""
    return _sentence(first, model, source, variables) + count


def _sentence(
    problem: ErrorDetails, model: type[BaseModel], source: str, variables: Collection[str]
) -> str:
    kind, place = problem["type"], problem["loc"]
    if kind == "invalid_key":
        return f"{source}: {public(str(place[-1]))} is not a known key; keys are text"
    key = ".".join(step for step in place if isinstance(step, str))
    known = _ENGINE.sub("engine", key)
    field = dict(_fields(model)).get(known) or FieldInfo()
    above = any(f"{key}.".startswith(f"{name}.") for name in variables)
    below = any(name.startswith(f"{key}.") for name in variables)
    if kind == "value_error" and (_section(field) or not place):
        words = str(problem["ctx"]["error"])
        if known != key:
            words = words.replace("engine.", f"{key}.")
        return public(f"{source}{' and the environment' * below}: {words}")
    is_variable = above or below
    is_of_mapping = place[-1:] == ("[key]",)  # the key of an entry, and not its value, is wrong
    path = dotted(place[:-1] if is_of_mapping else place)
    name = variable_of(path) if is_variable else f"{source}: {path}".removesuffix(": ")
    if kind == "extra_forbidden":
        unknown = _unknown(known, model, is_variable=is_variable)
        if known != key:
            unknown = unknown.replace("engine.", f"{key.removesuffix(known[len('engine.') :])}")
        return public(name + unknown)
    if kind == "missing":
        return f"{name} is missing"
    is_shown = field.repr and kind != "model_type" and not is_of_mapping
    value = f" is {shown(problem['input'])}; it" if is_shown else ""
    return f"{name}{value} must {_expectation(problem, field)}"


def dotted(route: Iterable[str | int]) -> str:
    """A path through mappings and lists, such as `spec.workers[0].name`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in route)[1:]


def _expectation(problem: ErrorDetails, field: FieldInfo) -> str:
    kind = problem["type"]
    if kind == "value_error":
        return public(str(problem["ctx"]["error"])).removeprefix("must ")
    if kind == "literal_error":
        known = re.findall("'(.*?)'", problem["ctx"]["expected"])
        near = nearest(str(problem["input"]), known)
        note = f"did you mean {near}?" if near else field.description
        return f"be {_listed(known)}{f' ({note})' if note else ''}"
    if kind in _LISTS:
        known = [word for inner in get_args(field.annotation) for word in get_args(inner)]
        return f"be a list of {_listed(known)}" if known else "be a list, and not empty"
    ends = [getattr(mark, "ge", getattr(mark, "le", None)) for mark in field.metadata]
    ends = [end for end in ends if end is not None]
    if ends:
        number = "number" if field.annotation is float else "whole number"
        return f"be a {number} from {ends[0]} to {ends[-1]}"
    return f"be {field.description or _WORDS.get(kind) or problem['msg']}"


def _listed(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def known_keys(model: type[BaseModel]) -> tuple[str, ...]:
    """All dotted keys of `model` that hold a value, in the order of the model."""
    return tuple(key for key, field in _fields(model) if not _section(field))


def _fields(model: type[BaseModel], parent: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        yield parent + name, field
        section = _section(field)
        if section:
            yield from _fields(section, f"{parent}{name}.")


def _section(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a section, or of the entries of a list; those of a mapping have own names."""
    if get_origin(field.annotation) is Mapping:
        return None
    kinds = (field.annotation, *get_args(field.annotation))
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)


def variable_of(key: str) -> str:
    """The environment variable that sets the dotted `key`."""
    return PREFIX + key.replace(".", "__").upper()


def _unknown(key: str, model: type[BaseModel], *, is_variable: bool) -> str:
    """What is wrong with a key that `model` does not have, and which one was meant."""
    known = [name for name, _ in _fields(model)]
    parent, _, leaf = key.casefold().rpartition(".")
    file, variable = _TOKENS.get(leaf, ("", ""))
    if file in known:
        return (
            ": a token does not belong in the configuration; put it into the environment "
            f"variable {variable}, or into a file of its own that {file} names"
        )
    near = nearest_key(key, known)
    if near:
        return f" is not a known key; did you mean {variable_of(near) if is_variable else near}?"
    beside = ", ".join(name for name in known if name.rpartition(".")[0] == parent)
    return f" is not a known key; known there: {beside or f'nothing below {parent}'}"


def nearest_key(key: str, known: Collection[str]) -> str | None:
    """The known dotted key that the user probably meant by the unknown `key`.

    The words of other programs come first, then neighbours of `key`, then all keys.
    """
    parent, _, leaf = key.rpartition(".")
    if ELSEWHERE.get(leaf) in known:
        return ELSEWHERE[leaf]
    for names in ([name for name in known if name.rpartition(".")[0] == parent], known):
        words = {name.rpartition(".")[2]: name for name in names}
        near = nearest(leaf, words)
        if near:
            return words[near]
    return None


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known word most like `word`, in any case of letters; None when no word is like it."""
    folded = {name.casefold(): name for name in known}
    close = get_close_matches(word.casefold()[:100], folded, n=1)
    return folded[close[0]] if close else None


def neighbours(word: str, known: Collection[str]) -> str:
    """Advice on a word that is not in `known`: the nearest known word, else all of them."""
    near = nearest(word, known)
    return f"did you mean {near}?" if near else f"known there: {', '.join(known)}"


def shown(value: object) -> str:
    """`value` as a short quotation; a value that may be or hold a secret is only described."""
    if value is None or isinstance(value, bool):
        return {None: "empty", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping | list) for item in value):
        return "a list"
    text = _REPR.repr(str(value) if isinstance(value, Path) else value)
    return "(not shown)" if _SECRET.search(text) else public(text)


def counted(number: int, noun: str) -> str:
    """`1 game`, `4 games`."""
    return f"{number} {noun}{'s' * (number != 1)}"


def public(text: str) -> str:
    """`text` without anything that looks like a Lichess token."""
    return _TOKEN.sub(r"\1(hidden)", text)
