"""The kinds of value that a setting may hold; each refuses a wrong one in its own words.

A validator's `ValueError` goes on where "<key> is <value>; it" ends, and never repeats the value
itself: `config_problems` makes the sentence and decides what may be shown.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, PlainSerializer

from crabstick.near_miss import nearest
from engine.spec import OptionValue

__all__ = [
    "FilePath",
    "Namespace",
    "Options",
    "ServerUrl",
    "amount",
    "choice",
    "is_file_path",
    "names",
    "one_line",
    "whole",
]

_TOKEN_START = "lip_"  # noqa: S105 - how every token of Lichess begins
_LONGEST = 20
"""No number of ours has as many digits; Python takes long for numbers with thousands."""


def whole(low: int, high: int) -> BeforeValidator:
    """A whole number from `low` to `high`, both included; also as text (environment)."""

    def check(value: object) -> int:
        number = _whole(value)
        if number is None or not low <= number <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return number

    return BeforeValidator(check)


def _whole(value: object) -> int | None:
    digits = value.strip().removeprefix("-") if isinstance(value, str) else ""
    if isinstance(value, str) and digits.isdecimal() and len(value) < _LONGEST:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def amount(low: float, high: float) -> BeforeValidator:
    """A number from `low` to `high`, both included, fractions allowed."""

    def check(value: object) -> float:
        try:
            number = float(value) if isinstance(value, int | float | str) else None
        except (ValueError, OverflowError):
            number = None
        if number is None or isinstance(value, bool) or not low <= number <= high:
            raise ValueError(f"must be a number from {low:g} to {high:g}")
        return number

    return BeforeValidator(check)


def choice(*allowed: str) -> BeforeValidator:
    """One word of `allowed`."""

    def check(value: object) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise ValueError(f"must be {_listed(allowed)}{_hint(value, allowed)}")
        return value

    return BeforeValidator(check)


def names(*allowed: str, so_far: str = "") -> BeforeValidator:
    """A list of words of `allowed`, or one string with commas between (environment).

    Args:
        allowed: the words, in the order in which they are told to the user.
        so_far: what to say about words that will be allowed some day.
    """

    def check(value: object) -> frozenset[str]:
        words = _words(value)
        if words is None:
            raise ValueError(f"must be a list of {_listed(allowed)}")
        for word in words:
            if word not in allowed:
                reason = _hint(word, allowed) or (so_far and f", for {so_far}")
                raise ValueError(f"may hold {_listed(allowed)} only{reason}")
        return frozenset(words)

    return BeforeValidator(check)


def _words(value: object) -> list[str] | None:
    if isinstance(value, str):
        value = [word.strip() for word in value.split(",") if word.strip()]
    if not isinstance(value, Iterable) or isinstance(value, Mapping):
        return None
    words = list(value)
    return words if words and all(isinstance(word, str) for word in words) else None


def _listed(words: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _hint(value: object, allowed: tuple[str, ...]) -> str:
    near = nearest(value, allowed) if isinstance(value, str) else None
    return f" (did you mean {near}?)" if near else ""


def one_line(what: str, extra: str, longest: int = 200) -> BeforeValidator:
    """A short word of letters, digits and the characters of `extra`.

    Args:
        what: the word's role, told to the user: "a host name or an address".
        extra: the characters that may stand beside letters and digits.
        longest: how many characters it may have.
    """

    def check(value: object) -> str:
        text = value if isinstance(value, str) else ""
        plain = text.isascii() and all(letter.isalnum() or letter in extra for letter in text)
        if not plain or not 0 < len(text) <= longest:
            raise ValueError(f"must be {what}: letters, digits and {' '.join(extra)}")
        return text

    return BeforeValidator(check)


def _server_url(value: object) -> str:
    url = value.rstrip("/") if isinstance(value, str) else ""
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a broken port or IPv6 address
        raise ValueError("must be a URL such as https://lichess.org") from None
    if parts.scheme not in {"http", "https"} or not has_host or not url.isprintable() or " " in url:
        raise ValueError("must be a URL with http or https and a host, as in https://lichess.org")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or a password")
    if parts.path or parts.query or parts.fragment:
        raise ValueError("must end after the host and port, as in https://lichess.org")
    return url


def _file_path(value: object) -> Path:
    if isinstance(value, Path):
        return value
    if isinstance(value, str) and value.startswith(_TOKEN_START):
        raise ValueError("must be the path of a file that holds the token, not the token itself")
    if not isinstance(value, str) or not is_file_path(value):
        raise ValueError("must be the path of a file")
    return Path(value)


def is_file_path(text: str) -> bool:
    """Whether `text` can be a path; a Lichess token is none."""
    return bool(text.strip()) and text.isprintable() and not text.startswith(_TOKEN_START)


def _options(value: object) -> Mapping[str, OptionValue]:
    if not isinstance(value, Mapping):
        raise ValueError("must be a mapping of the engine's option names to values")  # noqa: TRY004 - pydantic wants it
    for name, setting in value.items():
        if not isinstance(name, str) or not name.isprintable() or not name:
            raise ValueError("must have text as option names")
        if not isinstance(setting, str | int | None) or not str(setting).isprintable():
            raise ValueError(f"must hold text, whole numbers, true or false; {name} does not")
    return dict(value)


ServerUrl = Annotated[str, BeforeValidator(_server_url)]
"""http or https, a host, perhaps a port; without the slash at the end."""
FilePath = Annotated[Path, BeforeValidator(_file_path), PlainSerializer(str)]
"""A file's path; `config` has made it absolute where it was relative to something."""
Options = Annotated[Mapping[str, OptionValue], BeforeValidator(_options)]
"""UCI options; None is the value of a button."""
Namespace = Annotated[str, one_line("a name for Ray's namespace", "-_.", longest=63)]
"""A Ray namespace that also fits into names on Kubernetes."""
