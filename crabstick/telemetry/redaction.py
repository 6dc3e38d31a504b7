"""Replaces secrets in texts that people will see.

This module does not import structlog, so that code that reads a token can hide it cheaply.
"""

import json
from typing import Final

from pydantic import SecretStr

HIDDEN: Final = "[hidden]"
_hidden: set[str] = set()


def hide(secret: SecretStr) -> None:
    """Has `redact` replace `secret` from now on, for the life of this process."""
    value = secret.get_secret_value()
    if value:
        _hidden.update({value, json.dumps(value)[1:-1], repr(value)[1:-1]})


def redact(text: str) -> str:
    """Replaces every hidden secret, the longest first: one secret may contain another."""
    for secret in sorted(_hidden, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
