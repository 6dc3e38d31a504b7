"""How much a process holds, so that an actor which leaks makes room for a new one."""

from dataclasses import dataclass
from typing import Final, Self

import psutil

MEMORY_GROWTH: Final = 64 * 2**20
FILE_GROWTH: Final = 64
THREAD_GROWTH: Final = 32


@dataclass(frozen=True, slots=True)
class ProcessSize:
    """The size of a process: resident memory in bytes, open files, threads."""

    memory: int
    files: int
    threads: int

    @classmethod
    def now(cls) -> Self:
        """The size of this process."""
        process = psutil.Process()
        return cls(process.memory_info().rss, process.num_fds(), process.num_threads())

    def has_outgrown(self, before: "ProcessSize") -> bool:
        """Whether this size is further above `before` than a game explains."""
        return (
            self.memory - before.memory > MEMORY_GROWTH
            or self.files - before.files > FILE_GROWTH
            or self.threads - before.threads > THREAD_GROWTH
        )
