"""Validates a user-supplied Ray cluster address without importing Ray."""

import re
from collections.abc import Mapping
from typing import Final

from crabstick.errors import ConfigError

VARIABLE: Final = "RAY_ADDRESS"
"""Ray's own variable; `ray job submit` sets it for its programs."""
_SHAPE = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+):(\d{1,5})", re.ASCII)
_LAST_PORT = 65_535
_RIGHT = (
    "write host:port of the head's GCS, such as 10.0.0.1:6379, or leave it out for the Ray that "
    "crabstick starts itself"
)
_WRONG = {
    "auto": "but crabstick does not guess which cluster is meant",
    "http": "as Ray's dashboard is addressed",
    "https": "as Ray's dashboard is addressed",
    "ray": "but crabstick is no Ray Client",
}
"""What people write before :// or alone -> what is wrong with it."""


def check_named(option: str | None, environment: Mapping[str, str]) -> None:
    """Checks the address in force: `--address`, else RAY_ADDRESS.

    Raises:
        ConfigError: that one is not an address.
    """
    if option is not None:
        host_and_port(option, named_by="--address")
    elif environment.get(VARIABLE):
        host_and_port(environment[VARIABLE], named_by=VARIABLE)


def host_and_port(address: str, *, named_by: str = "the address") -> tuple[str, int]:
    """Splits an address into host and port, an IPv6 host without its brackets.

    Raises:
        ConfigError: it is not an address.
    """
    match = _SHAPE.fullmatch(address)
    if match is None or not 0 < int(match[2]) <= _LAST_PORT:
        what = _WRONG.get(address.partition("://")[0], "which is no address of a Ray cluster")
        raise ConfigError(f"{named_by} is {address!r}, {what}: {_RIGHT}")
    return match[1].strip("[]"), int(match[2])
