"""The errors of an engine; each message is one sentence that a person can act on.

Every error takes only its message, so it can be pickled to another node. The functions map facts
(exit status, output, waiting time) to an error.
"""

import re
import signal
from dataclasses import dataclass
from datetime import timedelta

_CANNOT_EXECUTE = (126, 127)
"""Source: POSIX, `nice`: the utility was found but could not be invoked, or was not found."""
_SHELL_SIGNAL = 128
"""A shell that ran a program exits with this plus the number of the signal that ended it."""
_USUAL_REASON: dict[int, str] = {
    signal.SIGABRT: ", perhaps out of memory",  # C++ aborts when it gets no memory
    signal.SIGKILL: ", perhaps out of memory",
    signal.SIGILL: ", perhaps built for a newer processor",
}
_LACKS_MEMORY = re.compile("memory|alloc|reserve|heap|(cannot|failed to) map", re.IGNORECASE)
OURS = "crabstick: "
"""How the last words of a child of ours begin; the rest is a sentence for people."""
_COMPLAINT = re.compile("(info string )?error", re.IGNORECASE)
"""Source: lc0 (`error Cannot read weights`), Stockfish (`info string ERROR: ...`)."""
_GREETINGS = {"uci": ("UCI", "uci", "uciok"), "xboard": ("XBoard", "protover 2", "feature done=1")}
"""Protocol -> its name, how we begin, and how the engine's answer ends."""


class EngineError(Exception):
    """The root of all errors of an engine."""


class EngineNotFound(EngineError):
    """The spec names a file that does not exist."""


class EngineNotExecutable(EngineError):
    """This machine cannot run the file."""


class NotAnEngine(EngineError):
    """The program does not speak its protocol: it quits, or does not answer in time."""


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


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """How a process ended by itself.

    Attributes:
        returncode: the exit status, or the negative number of a signal.
        said: what it wrote at last, on stderr and stdout.
        memory_mb: the limit of its memory in MiB; None without a limit.
    """

    returncode: int
    said: str = ""
    memory_mb: int | None = None

    def words(self, *, is_memory_likely: bool = False) -> str:
        """The end in parentheses, and which limit of ours may be the reason."""
        status = self.returncode
        number = -status if status < 0 else status - _SHELL_SIGNAL
        reason = _USUAL_REASON.get(number, "")
        how = f"{_signal_name(number)}{reason}" if status < 0 or reason else f"exit status {status}"
        how = f"({how}: {last_line(self.said)})" if last_line(self.said) else f"({how})"
        is_likely = is_memory_likely or "memory" in reason or _LACKS_MEMORY.search(self.said)
        if self.memory_mb is None or not is_likely:
            return how
        return f"{how}; it may need more than engine.memory_mb ({self.memory_mb}): raise that"

    @property
    def sentence(self) -> str:
        """What a child of ours said of its end; empty otherwise, and for want of memory."""
        _, mark, words = self.said.rpartition(OURS)
        return " ".join(words.split()) if mark and not _LACKS_MEMORY.search(words) else ""


def last_line(text: str) -> str:
    """The last error in an engine's output, else its last line; without control characters."""
    spoken = [line.strip() for line in text.split("\n") if line.strip()]
    said = [*filter(_COMPLAINT.match, spoken)] or spoken
    return "".join(char for char in said[-1] if char.isprintable())[:200] if said else ""


def not_started(
    label: str, end: ProcessEnd, *, said_hello: bool, protocol: str = "uci"
) -> EngineError:
    """The error for a process that ended during its start."""
    if end.sentence:
        return NotAnEngine(end.sentence)
    if said_hello or _LACKS_MEMORY.search(end.said):
        words = end.words(is_memory_likely=True)
        return EngineDied(f"the engine '{label}' ended while it got ready {words}")
    if end.returncode in _CANNOT_EXECUTE:
        return EngineNotExecutable(f"the engine '{label}' cannot run on this machine {end.words()}")
    return NotAnEngine(
        f"'{label}' is not a {_GREETINGS[protocol][0]} engine, or lacks something: it quit at its"
        f" start {end.words()}"
    )


def started_late(
    label: str, timeout: timedelta | None, said: str, *, said_hello: bool, protocol: str = "uci"
) -> EngineError:
    """The error for a process that was not ready in time; without a `timeout`, not for a probe."""
    within = f"within {timeout.total_seconds():g} s" if timeout is not None else ""
    if said_hello:
        return EngineHung(
            f"the engine '{label}' was not ready {within}: raise engine.start_timeout_s, or give it"
            " less to load, such as a smaller hash table"
        )
    name, begin, end = _GREETINGS[protocol]
    other = "xboard" if protocol == "uci" else "uci"
    if re.search(r"\b(readyok\b|feature \w+=)", said):
        return NotAnEngine(
            f"'{label}' speaks {_GREETINGS[other][0]}, not {name}: write engine.kind: {other}, or"
            f" engine.args that make it speak {name}"
        )
    answer = f"'{last_line(said)}'" if last_line(said) else "nothing"
    return NotAnEngine(
        f"'{label}' does not speak {name}: it answered '{begin}' with {answer} and no '{end}'"
        f"{within and f' {within} (engine.start_timeout_s)'}"
    )


def late_for_game(label: str, timeout: timedelta) -> EngineHung:
    """The error for an engine that was not ready for another game in time."""
    within = f"within {timeout.total_seconds():g} s"
    return EngineHung(f"the engine '{label}' was not ready for another game {within}")


def ended(label: str, end: ProcessEnd) -> EngineDied:
    """The error for a process that ended during a search or between two searches."""
    return EngineDied(end.sentence or f"the engine '{label}' ended unexpectedly {end.words()}")


def hung(label: str, deadline: timedelta, grace: timedelta, said: str = "") -> EngineHung:
    """The error for an engine that sent no move, not even after `stop`."""
    why = f": {last_line(said)}" if _COMPLAINT.match(last_line(said)) else ""
    return EngineHung(
        f"the engine '{label}' gave no move within {deadline.total_seconds():.3g} s,"
        f" nor {grace.total_seconds():g} s after 'stop', and was ended{why}"
    )


def idle(label: str, limit: timedelta) -> EngineHung:
    """The error for an engine that did nothing in a search."""
    return EngineHung(
        f"the engine '{label}' neither computed nor wrote anything for "
        f"{limit.total_seconds():g} s of a search, and was ended"
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
