"""Which error an engine earned, said so that a person can act on it.

Pure: from facts (exit status, what was said, how long we waited) to one sentence.
"""

import signal
from datetime import timedelta

from engine.errors import (
    EngineDied,
    EngineError,
    EngineHung,
    EngineNotExecutable,
    NotAnEngine,
)

__all__ = ["cannot_execute", "ended", "hung", "not_started", "started_late"]

_CANNOT_EXECUTE = (126, 127)
"""Source: POSIX, `nice`: the utility was found but could not be invoked, or was not found."""
_USUAL_REASON: dict[int, str] = {
    signal.SIGKILL: ", perhaps out of memory",
    signal.SIGILL: ", perhaps built for a newer processor",
}


def cannot_execute(label: str, how: str) -> EngineNotExecutable:
    """The kernel refused the program: another machine's binary, a missing interpreter."""
    return EngineNotExecutable(f"the engine '{label}' cannot run on this machine ({how})")


def not_started(label: str, returncode: int, words: str, *, said_uciok: bool) -> EngineError:
    """The process ended while it was started."""
    how = _ending(returncode, words)
    if said_uciok:
        return EngineDied(f"the engine '{label}' ended while it got ready ({how})")
    if returncode in _CANNOT_EXECUTE:
        return cannot_execute(label, how)
    return NotAnEngine(
        f"'{label}' is not a UCI engine, or lacks something: it quit at its start ({how})"
    )


def started_late(label: str, timeout: timedelta, words: str, *, said_uciok: bool) -> EngineError:
    """The process runs, but was not ready in time."""
    within = f"within {timeout.total_seconds():g} s"
    if said_uciok:
        return EngineHung(
            f"the engine '{label}' was not ready {within}: give it less to load, such as a smaller"
            " hash table"
        )
    answer = f"'{words}'" if words else "nothing"
    return NotAnEngine(
        f"'{label}' does not speak UCI: it answered 'uci' with {answer} and no 'uciok' {within}"
    )


def ended(label: str, returncode: int, words: str) -> EngineDied:
    """The process ended in a search, or between two."""
    how = _ending(returncode, words)
    return EngineDied(f"the engine '{label}' ended unexpectedly ({how})")


def hung(label: str, deadline: timedelta, grace: timedelta) -> EngineHung:
    """Neither the deadline nor `stop` brought a move."""
    return EngineHung(
        f"the engine '{label}' gave no move within {deadline.total_seconds():.3g} s,"
        f" nor {grace.total_seconds():g} s after 'stop', and was ended"
    )


def _ending(returncode: int, words: str) -> str:
    if returncode < 0:
        how = _signal_name(-returncode) + _USUAL_REASON.get(-returncode, "")
    else:
        how = f"exit status {returncode}"
    return f"{how}: {words}" if words else how


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
