"""The engine: starts, and plays a move."""

import asyncio
from collections.abc import Iterator

from crabstick.check.finding import Finding
from crabstick.errors import ConfigError
from crabstick.settings import Settings
from engine.errors import EngineError
from engine.process import check

__all__ = ["engine", "try_engine"]


def engine(settings: Settings) -> Iterator[Finding]:
    """The engine plays."""
    yield Finding(f"{try_engine(settings)} plays")


def try_engine(settings: Settings) -> str:
    """Starts the engine, lets it play one move, and returns its name.

    Raises:
        ConfigError: the engine cannot be started or does not play.
    """
    try:
        return asyncio.run(check(settings.engine_spec()))
    except EngineError as error:
        raise ConfigError(str(error)) from None
