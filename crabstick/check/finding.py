"""What a check finds, and how the findings of all checks are reported."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from crabstick.errors import ConfigError, CrabstickError, EnvironmentProblem

__all__ = ["Check", "Finding", "Problem", "findings", "report"]

Seen = TypeVar("Seen")
Problem = type[ConfigError] | type[EnvironmentProblem]


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence; without a `problem` the sentence is good news, or good to know."""

    words: str
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Check(Generic[Seen]):
    """A row of the table: `well` is reported when `look` finds nothing."""

    subject: str
    look: Callable[[Seen], Iterable[Finding]]
    well: str = ""


def findings(checks: Iterable[Check[Seen]], seen: Seen) -> Iterator[tuple[str, Finding]]:
    """Runs the checks; one that raises has found the problem that it raises."""
    for check in checks:
        try:
            found = list(check.look(seen))
        except CrabstickError as error:
            kind = ConfigError if isinstance(error, ConfigError) else EnvironmentProblem
            found = [Finding(str(error), kind)]
        if not found and check.well:
            found = [Finding(check.well)]
        yield from ((check.subject, each) for each in found)


def report(found: Iterable[tuple[str, Finding]], say: Callable[[str], None]) -> None:
    """Says each finding in a line, and raises the first problem at the end instead.

    Raises:
        ConfigError: the first problem is a mistake in what the user wrote.
        EnvironmentProblem: the first problem lies outside of that.
    """
    first: CrabstickError | None = None
    for subject, finding in found:
        if finding.problem is not None and first is None:
            first = finding.problem(finding.words)
        else:
            say(f"{subject}: {finding.words}")
    if first is not None:
        raise first
