"""The decisions of a bot host, and its interfaces: rules, Lichess, telemetry, commands."""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["__version__"]

try:
    __version__ = version("crabstick")
except PackageNotFoundError:  # run from a plain working directory, as `ray job submit` does
    __version__ = "0.1.0"
