"""Ray's own flags that all nodes of a cluster must share: environment variables.

Their names are RAY_ and small letters. Head and worker must agree on each flag that both have. Two
flags are required on every node.
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
"""Required flag -> recommended value, and why. The second may have any value above Ray's own."""
_DEFAULT_RECONNECT_S = 60
_DIGITS = 9
_FLAG = re.compile(r"RAY_[a-z]\w*")
_HEAD_ONLY = re.compile(r"RAY_(gcs_storage|enable_autoscaler_v2|maximum_gcs_)\w*")


def is_flag(name: str) -> bool:
    """Tells whether the variable is a flag of Ray that all nodes must share."""
    return bool(_FLAG.fullmatch(name)) and not _HEAD_ONLY.fullmatch(name)


def differing(head: Mapping[str, str], other: Mapping[str, str]) -> tuple[str, ...]:
    """Returns the flags that both nodes have with different values.

    A required flag also counts when only one of the nodes has it.
    """
    both = head.keys() & other.keys()
    either = head.keys() | other.keys()
    names = {name for name in both if is_flag(name)} | (WANTED.keys() & either)
    return tuple(sorted(name for name in names if head.get(name) != other.get(name)))


def is_fit(name: str, value: str | None) -> bool:
    """Tells whether a required flag may have that value, given that all nodes have it."""
    if name != RECONNECT or value is None:
        return value == WANTED[name][0]
    return value.isdecimal() and int(value[:_DIGITS]) > _DEFAULT_RECONNECT_S


def advice(name: str) -> str:
    """Says how to mend a flag that differs between nodes, or that no node has."""
    if name not in WANTED:
        return "set it alike on the head and on every worker"
    value, why = WANTED[name]
    return f"set it to {value} on the head and on every worker ({why})"
