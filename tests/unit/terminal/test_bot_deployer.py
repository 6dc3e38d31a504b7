"""What the parent of the deploying process makes of its news; tests/e2e run the process itself."""

import io
import json
from typing import IO, Any, Self

import pytest
from rich.console import Console

from actors.messages import ActorConfig, WorkerSetDescription
from actors.ops.fingerprint import actor_config
from crabstick.errors import ConfigError, CrabstickError, EnvironmentProblem
from crabstick.settings import Settings
from crabstick.terminal.bot_deployer import Deployed, bot_deployer, print_addresses

CONFIG = actor_config(Settings(), "crabby")
BEFORE = WorkerSetDescription(bot="crabby", fingerprint="old")
URL = "http://127.0.0.1:8265"
UP = {"reached": "up", "before": BEFORE.pack(), "dashboard": URL, "problem": "x"}


class Pipe(io.StringIO):
    """What was written outlives its end; a process that has ended does not read it."""

    def __init__(self, *, is_broken: bool) -> None:
        super().__init__()
        self.is_broken, self.order = is_broken, ""

    def close(self) -> None:
        was_closed, self.order = self.closed, self.order or self.getvalue()
        super().close()
        if self.is_broken and not was_closed:
            raise BrokenPipeError


class Child:
    """A process that says its news on its standard output, and the rest on its standard error."""

    def __init__(self, news: list[dict[str, object]], *, is_deaf: bool) -> None:
        self.stdin = Pipe(is_broken=is_deaf)
        self.stdout = io.StringIO("".join(json.dumps(each) + "\n" for each in news))
        self.is_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stdin.close()

    def kill(self) -> None:
        self.is_over = True

    def wait(self) -> int:
        return 3


@pytest.fixture
def child(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Child:
    news, errors, is_deaf = request.param
    child = Child(news, is_deaf=is_deaf)

    def start(*_: object, stderr: IO[bytes], **__: object) -> Child:
        stderr.write(errors)
        return child

    monkeypatch.setattr("subprocess.Popen", start)
    return child


@pytest.mark.parametrize("child", [([{"reached": "plays"}, UP], b"", False)], indirect=True)
def test_the_order_is_given_and_the_bot_plays_before_all_is_up(child: Child) -> None:
    seen: list[str] = []
    with bot_deployer(is_local=True) as deployer:
        done = deployer.deploy("a:1", CONFIG, lambda: seen.append("plays"))
        assert not child.is_over
    assert done == Deployed(before=BEFORE, dashboard=URL, problem="x")
    order = json.loads(child.stdin.order)
    assert (order["address"], ActorConfig.read(order["config"])) == ("a:1", CONFIG)
    assert seen == ["plays"]
    assert child.is_over


@pytest.mark.parametrize(
    ("child", "kind", "sentence"),
    [
        (([{"error": "no", "status": 2}], b"Ray's", False), ConfigError, "^no$"),
        (([{"error": "no", "status": 1}], b"Ray's", False), EnvironmentProblem, "^no$"),
        (([], b"x\nModuleNotFoundError: ray\n\n", False), EnvironmentProblem, "NotFoundError: ray"),
        (([], b"ImportError: ray\n", True), EnvironmentProblem, "not started: ImportError: ray"),
        (([{"reached": "plays"}], b"", False), EnvironmentProblem, "ended with status 3"),
    ],
    indirect=["child"],
)
def test_a_bot_that_does_not_come_up_is_explained(
    child: Child, kind: type[CrabstickError], sentence: str
) -> None:
    with bot_deployer(is_local=True) as deployer, pytest.raises(kind, match=sentence):
        deployer.deploy("a:1", CONFIG)
    assert child.is_over


@pytest.mark.parametrize(
    ("http", "host"),
    [({}, "127.0.0.1"), ({"host": "0.0.0.0"}, "127.0.0.1"), ({"host": "h"}, "h")],  # noqa: S104
)
def test_only_addresses_that_there_are_are_printed(http: dict[str, Any], host: str) -> None:
    console = Console(record=True, width=40)
    print_addresses(Settings.model_validate({"http": http}), "", console)
    print_addresses(Settings.model_validate({"http": {"enabled": False}}), "http://d", console)
    metrics, dashboard = console.export_text().splitlines()
    assert metrics == f"Metrics: http://{host}:8000/metrics"
    assert dashboard == "Ray dashboard: http://d (`crabstick dashboard` gives its token)"
