"""The errors of an engine; each message is one sentence that a person can act on.

Every error takes only its message, so it can be pickled to another node. The functions map facts
(exit status, output, waiting time) to an error.
"""

import signal
from datetime import timedelta

_CANNOT_EXECUTE = (126, 127)
"""Source: POSIX, `nice`: the utility was found but could not be invoked, or was not found."""
_USUAL_REASON: dict[int, str] = {
    signal.SIGABRT: ", perhaps out of memory",  # C++ aborts when it gets no memory
    signal.SIGKILL: ", perhaps out of memory",
    signal.SIGILL: ", perhaps built for a newer processor",
}


class EngineError(Exception):
    """The root of all errors of an engine."""


class EngineNotFound(EngineError):
    """The spec names a file that does not exist."""


class EngineNotExecutable(EngineError):
    """This machine cannot run the file."""


class NotAnEngine(EngineError):
    """The program does not speak UCI: it quits, or sends no `uciok` in time."""


class BadOption(EngineError):
    """The engine has no such option, or the value does not fit."""


class UnsupportedGame(EngineError):
    """The engine cannot play this variant, or Chess960."""


class EngineDied(EngineError):
    """The process ended by itself, was killed for flooding, or was closed."""


class EngineHung(EngineError):
    """The engine was not ready in time, or sent no move, even after `stop`; it was killed."""


class IllegalMove(EngineError):
    """The engine sent something other than a legal move."""


def cannot_execute(label: str, how: str) -> EngineNotExecutable:
    """The error for a program that the kernel cannot run: wrong machine, or no interpreter."""
    return EngineNotExecutable(f"the engine '{label}' cannot run on this machine ({how})")


def not_started(label: str, returncode: int, output: str, *, said_uciok: bool) -> EngineError:
    """The error for a process that ended during its start."""
    how = _ending(returncode, output)
    if said_uciok:
        return EngineDied(f"the engine '{label}' ended while it got ready ({how})")
    if returncode in _CANNOT_EXECUTE:
        return cannot_execute(label, how)
    return NotAnEngine(
        f"'{label}' is not a UCI engine, or lacks something: it quit at its start ({how})"
    )


def started_late(label: str, timeout: timedelta, output: str, *, said_uciok: bool) -> EngineError:
    """The error for a process that was not ready in time."""
    within = f"within {timeout.total_seconds():g} s"
    if said_uciok:
        return EngineHung(
            f"the engine '{label}' was not ready {within}: give it less to load, such as a smaller"
            " hash table"
        )
    answer = f"'{output}'" if output else "nothing"
    return NotAnEngine(
        f"'{label}' does not speak UCI: it answered 'uci' with {answer} and no 'uciok' {within}"
    )


def late_for_game(label: str, timeout: timedelta) -> EngineHung:
    """The error for an engine that was not ready for another game in time."""
    within = f"within {timeout.total_seconds():g} s"
    return EngineHung(f"the engine '{label}' was not ready for another game {within}")


def ended(label: str, returncode: int, output: str) -> EngineDied:
    """The error for a process that ended during a search or between two searches."""
    how = _ending(returncode, output)
    return EngineDied(f"the engine '{label}' ended unexpectedly ({how})")


def hung(label: str, deadline: timedelta, grace: timedelta) -> EngineHung:
    """The error for an engine that sent no move, not even after `stop`."""
    return EngineHung(
        f"the engine '{label}' gave no move within {deadline.total_seconds():.3g} s,"
        f" nor {grace.total_seconds():g} s after 'stop', and was ended"
    )


def _ending(returncode: int, output: str) -> str:
    if returncode < 0:
        how = _signal_name(-returncode) + _USUAL_REASON.get(-returncode, "")
    else:
        how = f"exit status {returncode}"
    return f"{how}: {output}" if output else how


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
