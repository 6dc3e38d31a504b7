"""The settings of Ray itself that every node of a cluster shares: environment variables.

Ray's own flags are RAY_ and small letters. Those that the head and a worker both have must be
equal; two of them each of our nodes needs.
"""

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["NICENESS", "RECONNECT", "WANTED", "advice", "differing", "is_fit", "is_flag"]

NICENESS: Final = "RAY_worker_niceness"
RECONNECT: Final = "RAY_gcs_rpc_server_reconnect_timeout_s"
WANTED: Final = {
    NICENESS: ("0", "at Ray's own 15 each move takes 20 ms longer"),
    RECONNECT: ("600", "at Ray's own 60 the games end a minute after the head"),
}
"""Variable -> what it should be, and why; the second may be any longer than Ray's, if alike."""
_RECONNECT_OF_RAY_S = 60
_DIGITS = 9
_FLAG = re.compile(r"RAY_[a-z]\w*")
_OF_ONE_NODE = re.compile(r"RAY_(gcs_storage|enable_autoscaler_v2|maximum_gcs_)\w*")
"""Only the head reads these."""


def is_flag(name: str) -> bool:
    """Whether the variable is one of Ray's flags that all nodes should have alike."""
    return bool(_FLAG.fullmatch(name)) and not _OF_ONE_NODE.fullmatch(name)


def differing(head: Mapping[str, str], other: Mapping[str, str]) -> tuple[str, ...]:
    """The flags that another node has otherwise than the head; wanted ones, also if it has none."""
    both = head.keys() & other.keys()
    either = head.keys() | other.keys()
    names = {name for name in both if is_flag(name)} | (WANTED.keys() & either)
    return tuple(sorted(name for name in names if head.get(name) != other.get(name)))


def is_fit(name: str, value: str | None) -> bool:
    """Whether a wanted flag may have that value when all nodes have it."""
    if name != RECONNECT or value is None:
        return value == WANTED[name][0]
    return value.isdecimal() and int(value[:_DIGITS]) > _RECONNECT_OF_RAY_S


def advice(name: str) -> str:
    """What to do about a variable that is not the same everywhere, or nowhere."""
    if name not in WANTED:
        return "set it alike on the head and on every worker"
    value, why = WANTED[name]
    return f"set it to {value} on the head and on every worker ({why})"
