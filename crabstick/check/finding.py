"""The one type of all findings, and how one sentence names all that have the same problem."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from crabstick.errors import ConfigError, EnvironmentProblem

Problem = type[ConfigError] | type[EnvironmentProblem]
MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence; without a `problem` the sentence is good news, or good to know."""

    words: str
    problem: Problem | None = None


def mistake(words: str) -> Finding:
    """Something that the user wrote is wrong."""
    return Finding(words, ConfigError)


def fault(words: str) -> Finding:
    """The cluster, the network or the account is wrong."""
    return Finding(words, EnvironmentProblem)


def together(found: Iterable[tuple[object, str]], problem: Problem | None) -> Iterator[Finding]:
    """`A, B have no token: ...` from A and B, both with the words `no token: ...`."""
    owners: dict[str, list[object]] = {}
    for owner, words in found:
        owners.setdefault(words, []).append(owner)
    for words, having in sorted(owners.items()):
        has = "has" if len(having) == 1 else "have"
        yield Finding(f"{_named(having)} {has} {words}", problem)


def _named(things: Sequence[object]) -> str:
    """The first few, and how many more."""
    more = len(things) - MOST_NAMED
    first = ", ".join(str(each) for each in things[:MOST_NAMED])
    return f"{first} and {more} more" if more > 0 else first


def counted(number: int, noun: str) -> str:
    """`1 slot`, `4 slots`."""
    return f"{number} {noun}{'s' * (number != 1)}"
