"""The types that sections of the settings share, each with its own words for a wrong value."""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final, TypeGuard
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, Strict

from engine.interface import OptionValue

DAY_S: Final = 86_400
HOUR_MS: Final = 3_600_000
_URL = re.compile(r"https?://[^\s/?#@\\]+", re.IGNORECASE)


def _number(value: object) -> object:
    """Converts a number that the environment gives as text; pydantic itself also takes "1_0"."""
    for kind in (int, float):
        if isinstance(value, str) and "_" not in value:
            with suppress(ValueError):
                return kind(value)
    return value


def _server_url(value: object) -> str:
    url = str(value).rstrip("/")
    with suppress(ValueError):  # a port or an IPv6 address that cannot be
        parts = urlsplit(url)
        if _URL.fullmatch(url) and url.isprintable() and parts.hostname and parts.port != 0:
            return url
    raise ValueError(
        "must be http:// or https://, a host, perhaps a port, and nothing else, as in "
        "https://lichess.org"
    )


def is_file_path(value: object) -> TypeGuard[str]:
    """Whether `value` is text that can be a path; a Lichess token is not."""
    is_text = isinstance(value, str) and bool(value.strip()) and value.isprintable()
    return is_text and not str(value).startswith(("lip_", "lio_"))


def _file_path(value: object) -> Path:
    if isinstance(value, Path) or is_file_path(value):
        return Path(value)
    is_token = str(value).startswith(("lip_", "lio_"))
    instead = " that holds the token, not the token itself" if is_token else ""
    raise ValueError(f"must be the path of a file{instead}")


def _options(value: object) -> Mapping[str, OptionValue]:
    if not isinstance(value, Mapping):
        raise ValueError("must be a mapping of the engine's option names to values")  # noqa: TRY004 - pydantic wants it
    for name, setting in value.items():
        if not isinstance(name, str) or not name.isprintable() or not name:
            raise ValueError("must have text as option names")
        if not isinstance(setting, OptionValue) or not str(setting).isprintable():
            raise ValueError(f"must hold text, numbers, true or false; {name} does not")
        if other := next((it for it in value if it != name and it.lower() == name.lower()), None):
            raise ValueError(f"must not name {name} and {other}, which are one option")
    return dict(value)


def words_of(value: object) -> object:
    """Splits a list that the environment gives as words with commas between them."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    return value


Whole = Annotated[int, Strict(), BeforeValidator(_number)]
Number = Annotated[float, Strict(), BeforeValidator(_number)]
ServerUrl = Annotated[str, BeforeValidator(_server_url)]
"""http or https, a host, perhaps a port; without the slash at the end."""
FilePath = Annotated[Path, BeforeValidator(_file_path), PlainSerializer(str)]
Options = Annotated[Mapping[str, OptionValue], BeforeValidator(_options)]
"""The engine's options; None is the value of a button, and empty text."""
Text = Annotated[
    str, Field(coerce_numbers_to_str=True), BeforeValidator(lambda it: "" if it is None else it)
]
"""YAML brings it as it is written; JSON may bring a number."""


class Section(BaseModel):
    """A frozen section that knows all its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
