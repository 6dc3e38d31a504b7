"""Loads the accounts of a sandbox from a YAML file.

Every mistake in the file is a `ConfigError` of one sentence, which shows no token.
"""

import re
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from crabstick.errors import ConfigError
from crabstick.near_miss import nearest
from crabstick.problems import and_more, expectation, neighbours, public, shown
from crabstick.sandbox.accounts import Accounts, SandboxAccount
from crabstick.sandbox.vocabulary import KNOWN_SCOPES
from crabstick.small_files import read_small

__all__ = ["load_accounts"]

_LARGEST_FILE = 10_000_000
_LOWEST, _HIGHEST = 400, 4000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,29}")
_TOKEN = re.compile(r"[A-Za-z0-9_]{1,512}")
_TITLES = ("BOT", "GM", "WGM", "IM", "WIM", "FM", "WFM", "NM", "WNM", "CM", "WCM", "LM")


class _Entry(BaseModel):
    """One entry of the file's `accounts`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    title: str | None = None
    rating: int = 1500
    tokens: dict[str, str] = {}

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("must be a name of Lichess: 2 to 30 letters, digits, _ or -")
        return name

    @field_validator("title", mode="before")
    @classmethod
    def _check_title(cls, title: object) -> object:
        if title is not None and title not in _TITLES:
            raise ValueError(f"must be left out, or one of {', '.join(_TITLES)}")
        return title

    @field_validator("rating", mode="before")
    @classmethod
    def _check_rating(cls, rating: object) -> object:
        if isinstance(rating, int) and _LOWEST <= rating <= _HIGHEST:
            return rating
        raise ValueError(f"must be a whole number from {_LOWEST} to {_HIGHEST}")

    @field_validator("tokens", mode="before")
    @classmethod
    def _check_tokens(cls, tokens: object) -> object:
        problem = _token_problem(tokens)
        if problem:
            raise ValueError(problem)
        return tokens

    def account(self) -> SandboxAccount:
        """Converts the entry."""
        tokens = {token: frozenset(scopes.split()) for token, scopes in self.tokens.items()}
        return SandboxAccount(name=self.name, title=self.title, rating=self.rating, tokens=tokens)


class _File(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    accounts: Annotated[list[_Entry], Field(min_length=1)]


def load_accounts(path: Path) -> Accounts:
    """Reads the accounts from a YAML file.

    Raises:
        ConfigError: the file is missing, is not YAML, or has an invalid entry.
    """
    text = read_small(path, named_by="the accounts file", limit=_LARGEST_FILE)
    try:
        raw = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2026-99-99
        raise ConfigError(f"{path}: this is not YAML{_place(error)}") from None
    try:
        return Accounts(entry.account() for entry in _File.model_validate(raw).accounts)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_sentence(error)}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _token_problem(tokens: object) -> str | None:
    if not isinstance(tokens, dict):
        return "must be a mapping of tokens to their scopes"
    for token, scopes in tokens.items():
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            return "must have tokens of letters, digits and _ only"
        if not isinstance(scopes, str):
            return 'must give each token its scopes, such as "bot:play challenge:read"'
        unknown = set(scopes.split()) - KNOWN_SCOPES
        if unknown:
            word = min(unknown)
            near = nearest(word, KNOWN_SCOPES)
            advice = f" (did you mean {near}?)" if near else ""
            return f"must not hold {shown(word)}, which is not a scope of Lichess{advice}"
    return None


def _place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return "" if mark is None else f" (line {mark.line + 1})"


def _sentence(error: ValidationError) -> str:
    """Explains the first error; an unknown key comes first, since it explains a missing one."""
    findings = error.errors(include_url=False)
    first = min(findings, key=lambda finding: finding["type"] != "extra_forbidden")
    return and_more(_finding(first), len(findings))


def _finding(finding: ErrorDetails) -> str:
    *parents, last = finding["loc"] or ("",)
    if finding["type"] == "extra_forbidden":
        model = _Entry if parents else _File
        advice = neighbours(str(last), tuple(model.model_fields))
        return public(f"{_path(finding['loc'])} is not a known key; {advice}")
    name = _path(finding["loc"]) or "the file"
    if finding["type"] == "missing":
        return f"{name} is missing"
    if finding["type"] == "too_short":
        return f"{name} is an empty list; it must hold at least one account"
    if last == "tokens":
        return f"{name} {expectation(finding)}"
    return f"{name} is {shown(finding['input'])}; it {expectation(finding)}"


def _path(location: tuple[int | str, ...]) -> str:
    steps = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in location)
    return "".join(steps).lstrip(".")
