"""Several things looked at one after the other: all of them are told, the first problem counts."""

from collections.abc import Callable, Iterable

from crabstick.errors import CrabstickError

__all__ = ["report"]


def report(points: Iterable[tuple[str, str | CrabstickError]], say: Callable[[str], None]) -> None:
    """Says how each point is, line by line, and raises the first problem at the end.

    Args:
        points: a subject, and how it is or what is wrong with it.
        say: is given the lines; that of the problem which is raised is not among them.

    Raises:
        CrabstickError: the first of the problems.
    """
    problem: CrabstickError | None = None
    for subject, found in points:
        if isinstance(found, CrabstickError) and problem is None:
            problem = found
        else:
            say(f"{subject}: {found}")
    if problem is not None:
        raise problem
