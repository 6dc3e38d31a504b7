"""The accounts of a sandbox and their tokens: from a YAML file, or a default set.

The only I/O is reading that file, in `load_accounts`; every mistake in it is a `ConfigError` of
one sentence.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from crabstick.errors import ConfigError
from crabstick.sandbox.words import KNOWN_SCOPES

__all__ = ["Account", "Accounts", "Bearer", "default_accounts", "load_accounts"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,29}")
_TOKEN = re.compile(r"[A-Za-z0-9_]{1,512}")
_TITLES = frozenset(["GM", "WGM", "IM", "WIM", "FM", "WFM", "NM", "WNM", "CM", "WCM", "LM", "BOT"])
_BOT_SCOPES = "bot:play challenge:read challenge:write"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A player of the sandbox; `tokens` maps each token to its scopes."""

    name: str
    title: str | None = None
    rating: int = 1500
    tokens: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Lichess's user id: the name in lower case."""
        return self.name.lower()

    @property
    def is_bot(self) -> bool:
        """Only BOT accounts may use the Bot API."""
        return self.title == "BOT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Who a request speaks for."""

    token: str
    user_id: str
    scopes: frozenset[str]
    scope_text: str
    """The scopes joined by commas, as the answers' headers show them."""


class Accounts:
    """Everybody in the sandbox; only an upgrade to BOT and a revoked token change it.

    Args:
        accounts: the players, with distinct names and tokens.

    Raises:
        ConfigError: two accounts share a name or a token.
    """

    def __init__(self, accounts: Iterable[Account]) -> None:
        self._by_id: dict[str, Account] = {}
        self._bearers: dict[str, Bearer] = {}
        for account in accounts:
            self._add(account)

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_id.values())

    def get(self, name: str) -> Account | None:
        """Find a player by name or id, in any case."""
        return self._by_id.get(name.lower())

    def __getitem__(self, user_id: str) -> Account:
        return self._by_id[user_id]

    def bearer(self, token: str) -> Bearer | None:
        """Tell whom a token speaks for."""
        return self._bearers.get(token)

    def token_of(self, name: str) -> str:
        """Give the first token of a player, for tests and demos.

        Raises:
            KeyError: there is no such player, or it has no token.
        """
        account = self._by_id[name.lower()]
        for token in account.tokens:
            return token
        raise KeyError(f"{name} has no token")

    def upgrade(self, user_id: str) -> None:
        """Turn a player into a BOT with the initial rating of 2000."""
        self._by_id[user_id] = replace(self._by_id[user_id], title="BOT", rating=2000)

    def revoke(self, token: str) -> None:
        """Forget a token."""
        self._bearers.pop(token, None)

    def _add(self, account: Account) -> None:
        if account.id in self._by_id:
            raise ConfigError(f"two accounts are called {account.name}: names must differ")
        self._by_id[account.id] = account
        for token, scopes in account.tokens.items():
            if token in self._bearers:
                raise ConfigError(
                    f"a token of {account.name} also belongs to "
                    f"{self._bearers[token].user_id}: each token must be unique"
                )
            self._bearers[token] = Bearer(
                token=token,
                user_id=account.id,
                scopes=scopes,
                scope_text=",".join(sorted(scopes)),
            )


class _AccountEntry(BaseModel):
    """One entry of the file's `accounts`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    title: str | None = None
    rating: Annotated[int, Field(ge=400, le=4000)] = 1500
    tokens: dict[str, str] = {}

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(f"'{name}' is not a Lichess name (2 to 30 letters, digits, _ or -)")
        return name

    @field_validator("title")
    @classmethod
    def _check_title(cls, title: str | None) -> str | None:
        if title is not None and title not in _TITLES:
            raise ValueError(f"'{title}' is not a title (BOT, GM, ..., or leave it out)")
        return title

    @field_validator("tokens")
    @classmethod
    def _check_tokens(cls, tokens: dict[str, str]) -> dict[str, str]:
        for token, scopes in tokens.items():
            if not _TOKEN.fullmatch(token):
                raise ValueError("a token may only hold letters, digits and _")
            unknown = set(scopes.split()) - KNOWN_SCOPES
            if unknown:
                raise ValueError(f"'{min(unknown)}' is not a scope of Lichess")
        return tokens

    def account(self) -> Account:
        """Turn the entry into an account."""
        tokens = {token: frozenset(scopes.split()) for token, scopes in self.tokens.items()}
        return Account(name=self.name, title=self.title, rating=self.rating, tokens=tokens)


class _AccountsFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    accounts: Annotated[list[_AccountEntry], Field(min_length=1)]


def load_accounts(path: Path) -> Accounts:
    """Read the accounts from a YAML file.

    Raises:
        ConfigError: the file is missing, is no YAML, or says something impossible.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the accounts file cannot be read ({error})") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: this is not YAML{_place(error)}") from None
    try:
        entries = _AccountsFile.model_validate(raw).accounts
        return Accounts(entry.account() for entry in entries)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_sentence(error)}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def default_accounts() -> Accounts:
    """Make the set for when no file is given: one bot, `crabstick`, and eight opponents.

    Tokens are the names with `_token`: `crabstick_token`, `sparring1_token`, ...
    """
    bot = _bot("crabstick", rating=2000)
    opponents = [_bot(f"sparring{number}", rating=1500) for number in range(1, 9)]
    human = Account(name="visitor", tokens={"visitor_token": frozenset(_BOT_SCOPES.split()[1:])})
    return Accounts([bot, *opponents, human])


def _bot(name: str, *, rating: int) -> Account:
    tokens = {f"{name}_token": frozenset(_BOT_SCOPES.split())}
    return Account(name=name, title="BOT", rating=rating, tokens=tokens)


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return "" if mark is None else f" (line {mark.line + 1})"


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    keys = [key for key in first["loc"] if key != "[key]"]
    if "tokens" in keys:  # what follows is the token itself
        keys = keys[: keys.index("tokens") + 1]
    where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")
    text = first["msg"].removeprefix("Value error, ")
    return f"{where or 'the file'}: {text[:1].lower() + text[1:]}"
