import pickle
import re
from datetime import timedelta

import pytest

from engine import errors
from engine.errors import EngineDied, EngineError, EngineHung, EngineNotExecutable, NotAnEngine

TEN = timedelta(seconds=10)


@pytest.mark.parametrize(
    ("failure", "kind", "part"),
    [
        (
            errors.not_started("fish", 1, "no such net", said_uciok=False),
            NotAnEngine,
            "'fish' is not a UCI engine, or lacks something: .*exit status 1: no such net",
        ),
        (
            errors.not_started("fish", 126, "Exec format error", said_uciok=False),
            EngineNotExecutable,
            "cannot run on this machine .*Exec format error",
        ),
        (
            errors.not_started("fish", -4, "", said_uciok=False),
            NotAnEngine,
            "SIGILL, perhaps built for a newer processor",
        ),
        (errors.not_started("fish", -6, "", said_uciok=True), EngineDied, "SIGABRT"),
        (
            errors.started_late("fish", TEN, "", said_uciok=False),
            NotAnEngine,
            "'fish' does not speak UCI: .* with nothing and no 'uciok' within 10 s",
        ),
        (
            errors.started_late("fish", TEN, "login:", said_uciok=False),
            NotAnEngine,
            "with 'login:' and no 'uciok'",
        ),
        (
            errors.started_late("fish", TEN, "", said_uciok=True),
            EngineHung,
            "not ready within 10 s: .*smaller hash table",
        ),
        (errors.ended("fish", -9, ""), EngineDied, "SIGKILL, perhaps out of memory"),
        (errors.ended("fish", -63, "bye"), EngineDied, "signal 63: bye"),
        (
            errors.hung("fish", timedelta(seconds=1.5), timedelta(milliseconds=250)),
            EngineHung,
            "no move within 1.5 s, nor 0.25 s after 'stop'",
        ),
    ],
)
def test_each_failure_has_its_own_sentence(
    failure: EngineError, kind: type[EngineError], part: str
) -> None:
    assert type(failure) is kind
    assert re.search(part, str(failure))


def test_a_failure_can_be_pickled() -> None:
    failure = errors.ended("fish", 3, "no")
    copy = pickle.loads(pickle.dumps(failure))  # noqa: S301 - our own bytes
    assert (type(copy), copy.args) == (EngineDied, failure.args)
