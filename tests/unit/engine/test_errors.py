import pickle
import re
from datetime import timedelta

import pytest

from engine import errors
from engine.errors import (
    EngineDied,
    EngineError,
    EngineHung,
    EngineNotExecutable,
    NotAnEngine,
    ProcessEnd,
)

TEN = timedelta(seconds=10)


@pytest.mark.parametrize(
    ("failure", "kind", "part"),
    [
        (
            errors.not_started("fish", ProcessEnd(1, "no such net"), said_hello=False),
            NotAnEngine,
            "'fish' is not a UCI engine, or lacks something: .*exit status 1: no such net",
        ),
        (
            errors.not_started("fish", ProcessEnd(126, "Exec format error"), said_hello=False),
            EngineNotExecutable,
            "cannot run on this machine .*Exec format error",
        ),
        (
            errors.not_started("fish", ProcessEnd(-4, ""), said_hello=False),
            NotAnEngine,
            "SIGILL, perhaps built for a newer processor",
        ),
        (errors.not_started("fish", ProcessEnd(-6, ""), said_hello=True), EngineDied, "SIGABRT"),
        (
            errors.started_late("fish", TEN, "", said_hello=False),
            NotAnEngine,
            "'fish' does not speak UCI: .* with nothing and no 'uciok' within 10 s",
        ),
        (
            errors.started_late("fish", TEN, "login:", said_hello=False),
            NotAnEngine,
            "with 'login:' and no 'uciok'",
        ),
        (
            errors.started_late("fish", TEN, "", said_hello=True),
            EngineHung,
            "not ready within 10 s: .*smaller hash table",
        ),
        (errors.ended("fish", ProcessEnd(-9, "")), EngineDied, "SIGKILL, perhaps out of memory"),
        (
            errors.ended("fish", ProcessEnd(134, "", 256)),
            EngineDied,
            r"SIGABRT, .*may need more than engine.memory_mb \(256\): raise that",
        ),
        (
            errors.ended("fish", ProcessEnd(1, "Failed to allocate 512MB\n", 256)),
            EngineDied,
            r"exit status 1: Failed to allocate 512MB.*engine.memory_mb",
        ),
        (
            errors.not_started("fish", ProcessEnd(1, "", 256), said_hello=True),
            EngineDied,
            r"got ready \(exit status 1\); it may need more than engine.memory_mb",
        ),
        (
            errors.started_late("fish", TEN, "", said_hello=False, protocol="xboard"),
            NotAnEngine,
            r"'fish' does not speak XBoard: .* no 'feature done=1' .*engine.start_timeout_s",
        ),
        (
            errors.started_late("fish", TEN, "ok\nfeature done=1\n", said_hello=False),
            NotAnEngine,
            "'fish' speaks XBoard, not UCI: write engine.kind: xboard, or engine.args that",
        ),
        (
            errors.started_late("fish", None, "readyok", said_hello=False, protocol="xboard"),
            NotAnEngine,
            "'fish' speaks UCI, not XBoard: write engine.kind: uci, or engine.args that",
        ),
        (
            errors.started_late("fish", None, "xboard?", said_hello=False),
            NotAnEngine,
            "answered 'uci' with 'xboard\\?' and no 'uciok'$",
        ),
        (
            errors.not_started("fish", ProcessEnd(127, "ld.so: cannot map", 1), said_hello=False),
            EngineDied,
            r"cannot map\); it may need more than engine.memory_mb \(1\)",
        ),
        (
            errors.not_started("bot", ProcessEnd(1, "\ncrabstick: a.B is\nbad"), said_hello=False),
            NotAnEngine,
            "^a.B is bad$",
        ),
        (errors.ended("bot", ProcessEnd(1, "\ncrabstick: a.B is bad")), EngineDied, "^a.B is bad$"),
        (
            errors.ended("bot", ProcessEnd(1, "crabstick: a.B raised MemoryError", 256)),
            EngineDied,
            r"a.B raised MemoryError\); it may need more than engine.memory_mb \(256\)",
        ),
        (errors.ended("fish", ProcessEnd(3, "bye", 256)), EngineDied, r"\(exit status 3: bye\)$"),
        (errors.ended("fish", ProcessEnd(-63, "bye")), EngineDied, "signal 63: bye"),
        (
            errors.hung("fish", timedelta(seconds=1.5), timedelta(milliseconds=250)),
            EngineHung,
            "no move within 1.5 s, nor 0.25 s after 'stop'",
        ),
        (
            errors.hung("fish", TEN, TEN, "error Cannot read weights\ninfo depth 1\n"),
            EngineHung,
            "and was ended: error Cannot read weights$",
        ),
        (errors.hung("fish", TEN, TEN, "info depth 1"), EngineHung, "and was ended$"),
    ],
)
def test_each_failure_has_its_own_sentence(
    failure: EngineError, kind: type[EngineError], part: str
) -> None:
    assert type(failure) is kind
    assert re.search(part, str(failure))


def test_a_failure_can_be_pickled() -> None:
    failure = errors.ended("fish", ProcessEnd(3, "no"))
    copy = pickle.loads(pickle.dumps(failure))  # noqa: S301 - our own bytes
    assert (type(copy), copy.args) == (EngineDied, failure.args)
