"""The errors of an engine; each message is one sentence that says what to do.

Every error takes only its message, so it can be pickled to another node.
"""


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
    """The process ended by itself, or was killed for flooding."""


class EngineHung(EngineError):
    """The engine sent no move at the deadline, nor after `stop`; the process was killed."""


class IllegalMove(EngineError):
    """The engine sent something other than a legal move."""
