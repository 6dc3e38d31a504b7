"""What a node was started with, read inside one of its actors.

Whatever an actor is asked to run it imports, and keeps: so this imports nothing.
"""

import os
from collections.abc import Iterable

__all__ = ["variables"]


def variables(_actor: object, names: Iterable[str]) -> dict[str, str]:
    """Those of the names that are set, as `actor.__ray_call__` runs it."""
    return {name: os.environ[name] for name in names if name in os.environ}
