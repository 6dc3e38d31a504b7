"""What can go wrong with an engine: each message is one sentence with the way out.

Every error takes exactly its message, so that it survives the pickle to another node.
"""

__all__ = [
    "BadOption",
    "EngineDied",
    "EngineError",
    "EngineHung",
    "EngineNotExecutable",
    "EngineNotFound",
    "IllegalMove",
    "NotAnEngine",
    "UnsupportedGame",
]


class EngineError(Exception):
    """The root: the engine did not do what was asked of it."""


class EngineNotFound(EngineError):
    """No file has the name that the spec gives."""


class EngineNotExecutable(EngineError):
    """The file exists, but this machine cannot run it."""


class NotAnEngine(EngineError):
    """The program runs, but does not speak UCI: it quits, or `uciok` does not come in time."""


class BadOption(EngineError):
    """The engine has no such option, or not that value for it."""


class UnsupportedGame(EngineError):
    """The engine cannot play this kind of chess (a variant, Chess960)."""


class EngineDied(EngineError):
    """The process ended by itself, or had to be ended for what it wrote."""


class EngineHung(EngineError):
    """No answer within the deadline and the grace after `stop`; the process is killed."""


class IllegalMove(EngineError):
    """The engine answered with something that is no legal move in the position."""
