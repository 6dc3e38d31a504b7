import pickle
from datetime import timedelta

import pytest

from engine import diagnosis
from engine.errors import EngineDied, EngineError, EngineHung, EngineNotExecutable, NotAnEngine

TEN = timedelta(seconds=10)


@pytest.mark.parametrize(
    ("failure", "kind", "sentence"),
    [
        (
            diagnosis.not_started("fish", 1, "no such net", said_uciok=False),
            NotAnEngine,
            (
                "'fish' is not a UCI engine, or lacks something:"
                " it quit at its start (exit status 1: no such net)"
            ),
        ),
        (
            diagnosis.not_started("fish", 126, "nice: fish: Exec format error", said_uciok=False),
            EngineNotExecutable,
            (
                "the engine 'fish' cannot run on this machine"
                " (exit status 126: nice: fish: Exec format error)"
            ),
        ),
        (
            diagnosis.not_started("fish", -4, "", said_uciok=False),
            NotAnEngine,
            (
                "'fish' is not a UCI engine, or lacks something:"
                " it quit at its start (SIGILL, perhaps built for a newer processor)"
            ),
        ),
        (
            diagnosis.not_started("fish", -6, "", said_uciok=True),
            EngineDied,
            "the engine 'fish' ended while it got ready (SIGABRT)",
        ),
        (
            diagnosis.started_late("fish", TEN, "", said_uciok=False),
            NotAnEngine,
            "'fish' does not speak UCI: it answered 'uci' with nothing and no 'uciok' within 10 s",
        ),
        (
            diagnosis.started_late("fish", TEN, "login:", said_uciok=False),
            NotAnEngine,
            "'fish' does not speak UCI: it answered 'uci' with 'login:' and no 'uciok' within 10 s",
        ),
        (
            diagnosis.started_late("fish", TEN, "", said_uciok=True),
            EngineHung,
            (
                "the engine 'fish' was not ready within 10 s:"
                " give it less to load, such as a smaller hash table"
            ),
        ),
        (
            diagnosis.ended("fish", -9, ""),
            EngineDied,
            "the engine 'fish' ended unexpectedly (SIGKILL, perhaps out of memory)",
        ),
        (
            diagnosis.ended("fish", -63, "bye"),
            EngineDied,
            "the engine 'fish' ended unexpectedly (signal 63: bye)",
        ),
        (
            diagnosis.hung("fish", timedelta(seconds=1.5), timedelta(milliseconds=250)),
            EngineHung,
            "the engine 'fish' gave no move within 1.5 s, nor 0.25 s after 'stop', and was ended",
        ),
    ],
)
def test_each_failure_has_its_own_sentence(
    failure: EngineError, kind: type[EngineError], sentence: str
) -> None:
    assert (type(failure), str(failure)) == (kind, sentence)


def test_a_verdict_survives_the_way_to_another_node() -> None:
    failure = diagnosis.ended("fish", 3, "no")
    copy = pickle.loads(pickle.dumps(failure))  # noqa: S301 - our own bytes
    assert (type(copy), copy.args) == (EngineDied, failure.args)
