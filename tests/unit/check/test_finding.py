"""All findings are reported, and the first problem is what counts."""

import pytest

from crabstick.check.finding import Check, Finding, findings, report
from crabstick.errors import ConfigError, EnvironmentProblem, Refused


def test_without_a_problem_everything_is_said() -> None:
    said: list[str] = []
    report([("a", Finding("well")), ("b", Finding("too"))], said.append)
    assert said == ["a: well", "b: too"]


def test_the_first_problem_is_raised_and_the_second_said() -> None:
    said: list[str] = []
    found = [
        ("a", Finding("no", EnvironmentProblem)),
        ("b", Finding("well")),
        ("c", Finding("wrong", ConfigError)),
    ]
    with pytest.raises(EnvironmentProblem, match=r"^no$"):
        report(found, said.append)
    assert said == ["b: well", "c: wrong"]


def test_a_check_that_finds_nothing_is_well() -> None:
    assert list(findings([Check("a", lambda _: [], "well")], None)) == [("a", Finding("well"))]


@pytest.mark.parametrize(
    ("error", "problem"),
    [(ConfigError("no"), ConfigError), (Refused("no", 404), EnvironmentProblem)],
)
def test_a_check_that_raises_has_found_a_problem(error: Exception, problem: type) -> None:
    def look(_seen: None) -> list[Finding]:
        raise error

    assert list(findings([Check("a", look)], None)) == [("a", Finding("no", problem))]
