"""The logs of an actor: lines of JSON on standard error, without secrets.

Redaction comes last and works on the finished line, so it covers keys, values and tracebacks.
Other modules get their loggers here and do not import structlog: see `_import_without_rich`.
"""

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Final

from crabstick.telemetry.redaction import redact


@contextmanager
def _import_without_rich() -> Iterator[None]:
    """Hides rich from structlog: it would cost each actor 4 MiB and 180 ms, unused."""
    absent = "rich" not in sys.modules
    if absent:
        sys.modules["rich"] = None  # type: ignore[assignment]  # Python's mark for a missing module
    try:
        yield
    finally:
        if absent:
            del sys.modules["rich"]


with _import_without_rich():
    import structlog

_CHATTY: Final = ("aiohttp", "asyncio", "berserk", "urllib3", "requests", "stamina")
"""Libraries whose lines would drown ours, or reveal what they send."""


_everywhere: dict[str, object] = {}
"""The context in every line of this process."""


def bind_process(**context: object) -> None:
    """Adds `context` (node, actor, game_id) to every later line of this process.

    Lines of libraries get the context too. A value that a line sets itself wins.
    """
    _everywhere.update(context)


def unbind_process(*keys: str) -> None:
    """Removes context that `bind_process` added."""
    for key in keys:
        _everywhere.pop(key, None)


def get_logger(**context: object) -> structlog.typing.FilteringBoundLogger:
    """A logger with `context` (game_id, actor, node) bound. Event names are in `log_events`."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(**context)
    return logger


def configure_logging() -> None:
    """Sets up the logs of this process, also those of libraries; idempotent."""
    structlog.configure(
        processors=[
            _with_context_of_process,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _durations_in_seconds,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False),
            _without_secrets,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: _Lines(),
    )
    _configure_libraries()


def _with_context_of_process(
    _logger: object, _method: str, event: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    for key, value in _everywhere.items():
        event.setdefault(key, value)
    return event


def _durations_in_seconds(
    _logger: object, _method: str, event: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    """Turns a timedelta `wait` into the number `wait_s`."""
    durations = {key: value for key, value in event.items() if isinstance(value, timedelta)}
    for key, duration in durations.items():
        del event[key]
        event[f"{key}_s"] = duration.total_seconds()
    return event


def _without_secrets(_logger: object, _method: str, line: object) -> str:
    return redact(str(line))


class _Lines:
    """Writes structlog's finished lines; a broken stream loses lines, but costs no move."""

    def msg(self, line: str) -> None:
        with suppress(OSError, ValueError, AttributeError):  # broken pipe, closed, None
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = exception = log = msg


class _LibraryHandler(logging.Handler):
    """Turns records of the standard library into lines like ours, without secrets."""

    def emit(self, record: logging.LogRecord) -> None:
        """Passes the record on to structlog."""
        try:
            text = self.format(record)
        except (TypeError, ValueError):  # the arguments do not fit the format
            text = str(record.msg)
        level = min(max(record.levelno, logging.DEBUG), logging.CRITICAL) // 10 * 10
        get_logger().log(level, "library.logged", logger=record.name, message=text)


def _configure_libraries() -> None:
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, _LibraryHandler)]:
        root.removeHandler(handler)
    root.addHandler(_LibraryHandler())
    root.setLevel(logging.INFO)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
