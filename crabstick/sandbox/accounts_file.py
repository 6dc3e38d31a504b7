"""Loads the accounts of a sandbox from a YAML file.

Every mistake in the file is a `ConfigError` of one sentence, which shows no token.
"""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from crabstick.errors import ConfigError
from crabstick.explain import explain, nearest, shown
from crabstick.read_text import read_text
from crabstick.sandbox.accounts import Accounts, SandboxAccount
from crabstick.sandbox.vocabulary import KNOWN_SCOPES
from crabstick.yaml_file import read_document

_LARGEST_FILE = 10_000_000
_TOKEN = re.compile(r"[A-Za-z0-9_]{1,512}")


class _Entry(BaseModel):
    """One entry of the file's `accounts`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{1,29}$",
        description="a name of Lichess: 2 to 30 letters, digits, _ or -",
    )
    title: (
        Literal["BOT", "GM", "WGM", "IM", "WIM", "FM", "WFM", "NM", "WNM", "CM", "WCM", "LM"] | None
    ) = None
    rating: int = Field(default=1500, ge=400, le=4000)
    tokens: dict[str, str] = Field(default={}, repr=False)

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
    text = read_text(path, named_by="the accounts file", limit=_LARGEST_FILE)
    value = read_document(text, str(path))
    try:
        return Accounts(entry.account() for entry in _File.model_validate(value).accounts)
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
