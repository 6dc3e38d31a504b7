"""An engine's process and everything that it started: the end of one is the end of all.

An engine may be a wrapper, such as a shell script that starts the real one as its child; killed
alone, it would leave that child behind. A process group of their own would hold them together as
well, but Ray could not find them any more: when an actor is killed it ends the actor's group.
"""

from contextlib import suppress

import psutil

__all__ = ["ProcessTree"]


class ProcessTree:
    """A process and its descendants, as far as they were seen while their parents lived.

    A pid that belongs to another process by now is known by its start time and left alone.
    """

    def __init__(self) -> None:
        self._members: dict[psutil.Process, None] = {}  # parents before their children

    def adopt(self, pid: int) -> None:
        """Begin with this process; one that has ended already has no processes."""
        with suppress(psutil.Error):
            self._members[psutil.Process(pid)] = None

    def look(self) -> None:
        """Remember the descendants that are there now.

        Walks through the process table for each member that lives: some 25 µs for each process of
        the machine.
        """
        for member in tuple(self._members):
            with suppress(psutil.Error):
                if member.is_running():
                    self._members.update(dict.fromkeys(member.children(recursive=True)))

    def kill(self) -> None:
        """Kill all that were seen, parents first, so that none starts another; reaps nobody."""
        for member in self._members:
            with suppress(psutil.Error):
                member.kill()
