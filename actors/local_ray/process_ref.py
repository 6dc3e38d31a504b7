"""Refers to a process of this machine, and to no later one that has got its pid.

Neither the wall clock nor the machine's name tells a process from another: both may change while it
runs. The kernel's count of clock ticks since boot does not, and a boot has an id.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_STATE, _START_TICKS = 0, 19
"""Their places in /proc/PID/stat after the name of the program. Source: proc(5)."""
_ENDED: Final = frozenset("ZXx")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRef:
    """One process.

    Attributes:
        pid: its number, which a later process may get.
        started: when it started, in clock ticks after boot.
        boot: the id of the boot; empty where the system has none.
    """

    pid: int
    started: float
    boot: str = ""

    @classmethod
    def of(cls, pid: int) -> Self:
        """Refers to the process that has this pid now.

        Raises:
            ProcessLookupError: there is none.
        """
        started = _started(pid)
        if started is None:
            raise ProcessLookupError(f"no process has the pid {pid}")
        return cls(pid=pid, started=started, boot=_boot())

    @property
    def is_alive(self) -> bool:
        """Whether the process runs; a process that has ended and waits to be reaped does not."""
        return self.is_of_this_boot and _started(self.pid) == self.started

    @property
    def is_of_this_boot(self) -> bool:
        """Whether the machine has not been restarted since."""
        return self.boot == _boot()


def _boot() -> str:
    with suppress(OSError):
        return _BOOT_ID.read_text(encoding="ascii").strip()
    return ""


def _started(pid: int) -> float | None:
    """When the living process with that pid started; None without one."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[_STATE] in _ENDED else float(fields[_START_TICKS])
