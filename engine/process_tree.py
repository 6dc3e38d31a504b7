"""A process and its descendants, which end together."""

from contextlib import suppress

import psutil


class ProcessTree:
    """A process and the descendants found while their parents lived, killed together.

    An engine may be a shell script that starts the real engine as its child; killing only the
    script would leave the child running. Start times tell reused pids apart: other processes are
    left alone.
    """

    def __init__(self) -> None:
        self._processes: dict[psutil.Process, None] = {}  # parents before their children

    def add_root(self, pid: int) -> None:
        """Adds the process itself; a process that has ended is ignored."""
        with suppress(psutil.Error):
            self._processes[psutil.Process(pid)] = None

    def refresh(self) -> None:
        """Adds the descendants that exist now.

        Scans the process table for each live process of the tree: about 25 µs for each process of
        the machine.
        """
        for member in tuple(self._processes):
            with suppress(psutil.Error):
                if member.is_running():
                    self._processes.update(dict.fromkeys(member.children(recursive=True)))

    def cpu_s(self) -> float:
        """The CPU time of all of them so far, in seconds."""
        used = 0.0
        for member in self._processes:
            with suppress(psutil.Error):
                times = member.cpu_times()
                used += times.user + times.system
        return used

    def kill(self) -> None:
        """Kills all processes, parents first, so that no parent starts another; does not reap."""
        for member in self._processes:
            with suppress(psutil.Error):
                member.kill()
