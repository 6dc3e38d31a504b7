"""The one type of all findings, and how one sentence names all that have the same problem."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from crabstick.errors import ConfigError, EnvironmentProblem

Problem = type[ConfigError] | type[EnvironmentProblem]
_MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence; without a `problem` the sentence is good news, or good to know."""

    words: str
    problem: Problem | None = None


def mistake(words: str) -> Finding:
    """A finding that something the user wrote is wrong."""
    return Finding(words, ConfigError)


def fault(words: str) -> Finding:
    """A finding that the cluster, the network or the account is wrong."""
    return Finding(words, EnvironmentProblem)


def together(found: Iterable[tuple[object, str]], problem: Problem | None) -> Iterator[Finding]:
    """Joins equal words: A and B, both with `no token: ...`, become `A, B have no token: ...`."""
    owners: dict[str, list[object]] = {}
    for owner, words in found:
        owners.setdefault(words, []).append(owner)
    for words, having in sorted(owners.items()):
        named = ", ".join(map(str, having[:_MOST_NAMED]))
        more = f" and {len(having) - _MOST_NAMED} more" if len(having) > _MOST_NAMED else ""
        yield Finding(f"{named}{more} {'has' if len(having) == 1 else 'have'} {words}", problem)
