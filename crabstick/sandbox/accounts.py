"""The accounts of a sandbox and their tokens: a default set, or those of a YAML file.

Every mistake in the file is a `ConfigError` of one sentence, which shows no token.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from crabstick.errors import ConfigError
from crabstick.explain import explain, nearest, shown
from crabstick.read_text import read_text
from crabstick.sandbox.vocabulary import KNOWN_SCOPES
from crabstick.yaml_documents import read_document

BOT_SCOPES = "bot:play challenge:read challenge:write"
"""What the token of a bot needs."""
_LARGEST_FILE = 10_000_000
_TOKEN = re.compile(r"[A-Za-z0-9_]{1,512}")


class SandboxAccount(BaseModel):
    """An account of the sandbox, as in the file's `accounts`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{1,29}$",
        description="a name of Lichess: 2 to 30 letters, digits, _ or -",
    )
    title: (
        Literal["BOT", "GM", "WGM", "IM", "WIM", "FM", "WFM", "NM", "WNM", "CM", "WCM", "LM"] | None
    ) = None
    rating: int = Field(default=1500, ge=400, le=4000)
    games: int = Field(default=100, ge=0)
    """In each rating category, before the sandbox began; without games a rating is provisional."""
    tokens: dict[str, str] = Field(default={}, repr=False)
    """Token -> its scopes, separated by spaces."""

    @field_validator("tokens", mode="before")
    @classmethod
    def _check_tokens(cls, tokens: object) -> object:
        problem = _token_problem(tokens)
        if problem:
            raise ValueError(problem)
        return tokens

    @property
    def id(self) -> str:
        """Lichess's user id: the name in lower case."""
        return self.name.lower()

    @property
    def is_bot(self) -> bool:
        """Whether the account may use the Bot API."""
        return self.title == "BOT"


@dataclass(frozen=True, slots=True)
class Bearer:
    """The account and the scopes behind a token."""

    token: str
    account: SandboxAccount
    scopes: frozenset[str]

    @property
    def scope_text(self) -> str:
        """The scopes joined by commas, for response headers."""
        return ",".join(sorted(self.scopes))


class Accounts:
    """All accounts; only upgrades to BOT, new tokens and revoked tokens change them.

    Raises:
        ConfigError: two accounts share a name or a token.
    """

    def __init__(self, accounts: Iterable[SandboxAccount]) -> None:
        self._by_id: dict[str, SandboxAccount] = {}
        self._bearers: dict[str, Bearer] = {}
        self.grants: dict[str, tuple[str, Mapping[str, str], float]] = {}
        """OAuth's codes: whose each is, what was asked for, and until when (Unix ms)."""
        for account in accounts:
            if account.id in self._by_id:
                raise ConfigError(f"two accounts are called {account.name}: names must differ")
            self._by_id[account.id] = account
            for token, scopes in account.tokens.items():
                if token in self._bearers:
                    raise ConfigError(
                        f"a token of {account.name} also belongs to "
                        f"{self._bearers[token].account.id}: each token must be unique"
                    )
                self.issue(token, account.id, frozenset(scopes.split()))

    def __iter__(self) -> Iterator[SandboxAccount]:
        return iter(self._by_id.values())

    def get(self, name: str) -> SandboxAccount | None:
        """Finds an account by name or id, in any case."""
        return self._by_id.get(name.lower())

    def __getitem__(self, user_id: str) -> SandboxAccount:
        return self._by_id[user_id]

    def bearer(self, token: str) -> Bearer | None:
        """Finds the bearer of a token."""
        return self._bearers.get(token)

    def token_of(self, name: str) -> str:
        """The first token of an account, for tests and demos."""
        return next(iter(self._by_id[name.lower()].tokens))

    def upgrade(self, user_id: str) -> None:
        """Turns an account into a BOT with the initial rating of 2000."""
        account = self._by_id[user_id]
        account.title, account.rating, account.games = "BOT", 2000, 0

    def revoke(self, token: str) -> None:
        """Makes a token invalid."""
        self._bearers.pop(token, None)

    def issue(self, token: str, user_id: str, scopes: frozenset[str]) -> None:
        """Makes a token valid."""
        self._bearers[token] = Bearer(token, self._by_id[user_id], scopes)


def default_accounts() -> Accounts:
    """The default accounts: the bot `crabstick`, eight opponents and a human.

    Each token is the name with `_token`: `crabstick_token`, `sparring1_token`, ... The ratings are
    close: bots look for opponents within a few hundred points.
    """
    opponents = [_default(f"sparring{number}", 1900) for number in range(1, 9)]
    scopes = {"visitor_token": "challenge:read challenge:write"}
    visitor = SandboxAccount(name="visitor", rating=1900, tokens=scopes)
    return Accounts([_default("crabstick", 2000), *opponents, visitor])


def _default(name: str, rating: int) -> SandboxAccount:
    return SandboxAccount(
        name=name, title="BOT", rating=rating, tokens={f"{name}_token": BOT_SCOPES}
    )


class _File(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    accounts: Annotated[list[SandboxAccount], Field(min_length=1)]


def load_accounts(path: Path) -> Accounts:
    """Reads the accounts from a YAML file.

    Raises:
        ConfigError: the file is missing, is not YAML, or has an invalid entry.
    """
    text = read_text(path, named_by="the accounts file", limit=_LARGEST_FILE)
    value = read_document(text, str(path))
    try:
        return Accounts(_File.model_validate(value).accounts)
    except ValidationError as error:
        raise ConfigError(explain(error, _File, source=str(path))) from None
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
