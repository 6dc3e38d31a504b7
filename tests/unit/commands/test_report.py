"""All points are told, and the first problem is what counts."""

import pytest

from crabstick.commands.report import report
from crabstick.errors import ConfigError, CrabstickError, EnvironmentProblem


def test_without_a_problem_everything_is_said() -> None:
    said: list[str] = []
    report([("a", "well"), ("b", "too")], said.append)
    assert said == ["a: well", "b: too"]


def test_the_first_problem_is_raised_and_the_second_said() -> None:
    said: list[str] = []
    points: list[tuple[str, str | CrabstickError]] = [
        ("a", EnvironmentProblem("no")),
        ("b", "well"),
        ("c", ConfigError("wrong")),
    ]
    with pytest.raises(EnvironmentProblem, match=r"^no$"):
        report(points, said.append)
    assert said == ["b: well", "c: wrong"]
