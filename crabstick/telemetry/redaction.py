"""Which texts must never be told, and how they are taken out of what is told.

No structlog here: whoever reads a token can hide it at little cost.
"""

import json
from typing import Final

from pydantic import SecretStr

__all__ = ["HIDDEN", "hide", "redact"]

HIDDEN: Final = "[hidden]"
_hidden: set[str] = set()


def hide(secret: SecretStr) -> None:
    """From now on `redact` takes `secret` out of every text, in this process and for its life."""
    value = secret.get_secret_value()
    if value:
        _hidden.update({value, json.dumps(value)[1:-1], repr(value)[1:-1]})


def redact(text: str) -> str:
    """`text` with every hidden secret replaced; the longest first, for one may hold another."""
    for secret in sorted(_hidden, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
