"""Logs are lines of JSON, and contain no secrets."""

import importlib
import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from datetime import timedelta
from types import ModuleType

import pytest
import structlog
from pydantic import SecretStr

from crabstick.telemetry import log_events, logs, redaction
from crabstick.telemetry.logs import (
    _import_without_rich,
    bind_process,
    configure_logging,
    get_logger,
)
from crabstick.telemetry.redaction import hide

SECRET = "lip_TopSecret99"  # noqa: S105 - of this test


class BrokenPipe(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, _text: str) -> int:
        """Fails as a pipe does."""
        raise BrokenPipeError


@pytest.fixture(autouse=True)
def _untouched_afterwards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(redaction, "_hidden", set())
    monkeypatch.setattr(logs, "_everywhere", {})
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


class Output:
    """What was written to standard error so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    def getvalue(self) -> str:
        self._text += self._capsys.readouterr().err
        return self._text


@pytest.fixture
def out(capsys: pytest.CaptureFixture[str]) -> Output:
    configure_logging()
    return Output(capsys)


def only_line(stream: Output) -> dict[str, object]:
    line: dict[str, object] = json.loads(stream.getvalue())
    return line


def test_a_line_is_one_json_object(out: Output) -> None:
    get_logger(actor="engine:1").info(log_events.GAME_STARTED, game_id="abcdefgh")
    line = only_line(out)
    stamp = line.pop("timestamp")
    assert line == {
        "event": "game.started",
        "level": "info",
        "actor": "engine:1",
        "game_id": "abcdefgh",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", str(stamp))


def test_a_duration_becomes_seconds_with_their_unit(out: Output) -> None:
    get_logger().info(log_events.GAME_STARTED, wait=timedelta(milliseconds=1500))
    assert only_line(out)["wait_s"] == 1.5


def test_untrusted_text_stays_on_its_line(out: Output) -> None:
    get_logger().info(log_events.GAME_STARTED, opponent="evil\x1b[2J\nname")
    assert "\x1b[2J" not in out.getvalue()
    assert out.getvalue().count("\n") == 1


def test_a_line_that_cannot_be_written_is_lost_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = io.StringIO()
    closed.close()
    configure_logging()
    for stream in (BrokenPipe(), closed, None):
        monkeypatch.setattr("sys.stderr", stream)
        get_logger().info(log_events.GAME_STARTED)


def test_every_line_has_the_context_of_its_process(out: Output) -> None:
    logger = get_logger(actor="engine:1")
    bind_process(node="ab12", actor="worker-set", game_id="abcdefgh")
    logger.info(log_events.ACTOR_LOST)
    logging.getLogger("some.library").warning("hello")
    ours, library = (json.loads(line) for line in out.getvalue().splitlines())
    assert (ours["node"], ours["actor"], ours["game_id"]) == ("ab12", "engine:1", "abcdefgh")
    assert (library["node"], library["actor"]) == ("ab12", "worker-set")


# Secrets


def test_no_part_of_a_line_shows_a_secret(out: Output) -> None:
    hide(SecretStr(SECRET))
    get_logger(**{SECRET: 1}).info(
        f"event.{SECRET}",
        plain=f"Bearer {SECRET}",
        nested={"headers": [{"Authorization": SECRET}]},
        error=ValueError(SECRET),
        secret=SecretStr(SECRET),
        raw=SECRET.encode(),
    )
    assert "event." in out.getvalue()
    assert SECRET not in out.getvalue()


def test_no_traceback_shows_a_secret(out: Output) -> None:
    hide(SecretStr(SECRET))
    try:
        raise ValueError(f"cannot use {SECRET}")  # noqa: TRY301 - the traceback is the point
    except ValueError:
        get_logger().exception(log_events.TASK_FAILED)
    assert "Traceback" in out.getvalue()
    assert "cannot use [hidden]" in out.getvalue()


def test_a_traceback_shows_no_local_variables(out: Output) -> None:
    text = "unregistered "
    unregistered = text.upper() * 2
    try:
        raise ValueError(len(unregistered))  # noqa: TRY301 - the traceback is the point
    except ValueError:
        get_logger().exception(log_events.TASK_FAILED)
    assert "ValueError" in out.getvalue()
    assert unregistered not in out.getvalue()


# Other libraries


def test_a_library_s_record_becomes_a_redacted_line_with_its_traceback(out: Output) -> None:
    hide(SecretStr(SECRET))
    try:
        raise ValueError(SECRET)  # noqa: TRY301 - the traceback is the point
    except ValueError:
        logging.getLogger("some.library").exception("failed")
    line = only_line(out)
    assert (line["event"], line["logger"], line["level"]) == (
        "library.logged",
        "some.library",
        "error",
    )
    assert "ValueError: [hidden]" in str(line["message"])


def test_a_record_that_does_not_fit_its_own_format_is_logged_raw(out: Output) -> None:
    ours = [one for one in logging.getLogger().handlers if "crabstick" in type(one).__module__]
    logging.getLogger().handlers[:] = ours  # pytest's own would raise
    logging.getLogger("some.library").warning("sent %d", "text")
    assert only_line(out)["message"] == "sent %d"


@pytest.mark.parametrize("library", ["aiohttp.client", "urllib3.connectionpool", "berserk.client"])
def test_the_libraries_that_talk_to_lichess_log_only_warnings(out: Output, library: str) -> None:
    logging.getLogger(library).debug("Authorization: something")
    logging.getLogger(library).info("hello")
    assert out.getvalue() == ""


def test_configuring_twice_logs_a_record_once(out: Output) -> None:
    configure_logging()
    logging.getLogger("some.library").warning("once")
    assert out.getvalue().count("\n") == 1


def test_a_level_of_a_library_s_own_becomes_the_one_below(out: Output) -> None:
    logging.getLogger("some.library").log(35, "between")
    assert only_line(out)["level"] == "warning"


# Names and costs

EVENT_NAMES = [name for name in vars(log_events) if name.isupper()]


@pytest.mark.parametrize("constant", EVENT_NAMES)
def test_event_names_are_noun_and_verb(constant: str) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", getattr(log_events, constant))


def test_event_names_are_distinct() -> None:
    values = [getattr(log_events, constant) for constant in EVENT_NAMES]
    assert sorted(values) == sorted(set(values))


def test_rich_cannot_be_found_while_structlog_is_imported_and_can_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "rich", raising=False)
    with _import_without_rich(), pytest.raises(ImportError):
        importlib.import_module("rich")
    assert importlib.import_module("rich").__name__ == "rich"


def test_rich_stays_where_it_was_imported_before(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("rich")
    monkeypatch.setitem(sys.modules, "rich", module)
    with _import_without_rich():
        assert importlib.import_module("rich") is module
    assert sys.modules["rich"] is module
