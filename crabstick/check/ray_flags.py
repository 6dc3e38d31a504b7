"""Ray's own flags: environment variables that the head and the workers must have alike."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

_SHARED: Final = re.compile(r"RAY_(?!gcs_storage|enable_autoscaler_v2|maximum_gcs_)[a-z]\w*")
"""RAY_ and a lower-case name, except the flags that only the head reads."""
RECONNECT: Final = "RAY_gcs_rpc_server_reconnect_timeout_s"
_NEEDED: Final = {
    "RAY_worker_niceness": ("0", "0 (at Ray's own 15 each move takes 20 ms longer)"),
    "RAY_memory_monitor_refresh_ms": (
        "0",
        "0 (else Ray ends managers and games first where memory is short; the system ends engines)",
    ),
    RECONNECT: (
        r"0*(6[1-9]|[7-9]\d|[1-9]\d\d+)",
        "600 (at Ray's own 60 the games end a minute after the head)",
    ),
}
"""Flag -> the values that will do, as a regular expression, and the one to set."""


def flaws(flags: Mapping[str, str], head: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the flags of a node, given those of the head."""
    both = {name for name in flags.keys() & head.keys() if _SHARED.fullmatch(name)}
    for name in sorted(both | _NEEDED.keys()):
        fit, best = _NEEDED.get(name, (".*", "the same value"))
        advice = f"set {best} on the head and on every worker"
        if flags.get(name) != head.get(name):
            yield f"{_shown(flags, name)}, and the head has {_shown(head, name)}: {advice}"
        elif not re.fullmatch(fit, flags.get(name, "")):
            yield f"{_shown(flags, name)}: {advice}"


def _shown(flags: Mapping[str, str], name: str) -> str:
    return f"{name}={flags[name]}" if name in flags else f"no {name}"
