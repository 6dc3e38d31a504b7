"""All findings are reported, and the first problem decides the status."""

from collections.abc import Iterator

import pytest

from crabstick.check.all_checks import Check, findings, run
from crabstick.check.finding import Finding, fault, mistake, together
from crabstick.errors import ConfigError, CrabstickError, EnvironmentProblem, Refused


def test_each_problem_is_marked_and_the_first_is_raised_with_the_number_of_the_others() -> None:
    checks: list[Check[str]] = [
        Check("a", lambda _: [fault("no"), Finding("too")]),
        Check("b", lambda _: [], "well"),
        Check("c", lambda _: [mistake("wrong"), fault("none")]),
    ]
    said: list[str] = []
    with pytest.raises(EnvironmentProblem, match=r"^no \(and 2 more problems, marked above\)$"):
        run(checks, "seen", said.append)
    assert said == ["a: PROBLEM: no", "a: too", "b: well", "c: PROBLEM: wrong", "c: PROBLEM: none"]
    with pytest.raises(EnvironmentProblem, match=r"^no$"):
        run(checks[:2], "seen", said.append)


@pytest.mark.parametrize(
    ("error", "problem"),
    [(ConfigError("no"), ConfigError), (Refused("no", 404), EnvironmentProblem)],
)
def test_a_check_that_raises_has_found_a_problem(error: CrabstickError, problem: type) -> None:
    def look(_seen: str) -> list[Finding]:
        raise error

    assert list(findings([Check("a", look)], "seen")) == [("a", Finding("no", problem))]


def test_a_few_with_the_same_problem_are_named_and_the_others_counted() -> None:
    def words(several: Iterator[Finding]) -> list[str]:
        return [each.words for each in several]

    assert words(together([("a", "none"), ("b", "one"), ("c", "none")], ConfigError)) == [
        "a, c have none",
        "b has one",
    ]
    assert words(together([(name, "none") for name in "abcdefg"], ConfigError)) == [
        "a, b, c, d, e and 2 more have none"
    ]
