"""The parent's side of `actors.ops.deployer`, which deploys the bot in a process of its own."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Final

from rich.console import Console

from actors.messages import ActorConfig, WorkerSetDescription
from crabstick.errors import ConfigError, CrabstickError, EnvironmentProblem, InvariantBroken
from crabstick.settings import Settings
from crabstick.terminal.child_process import child_process

COMMAND: Final = (sys.executable, "-P", "-m", "actors.ops.deployer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What ran before, None when it was the same; Ray's dashboard, and a problem, if any."""

    before: WorkerSetDescription | None
    dashboard: str
    problem: str


@dataclass(frozen=True, slots=True)
class BotDeployer:
    """The child process, which gets ready while its parent does other things."""

    _child: "subprocess.Popen[str]"
    _errors: IO[bytes]

    def deploy(
        self, address: str, config: ActorConfig, on_play: Callable[[], None] = lambda: None
    ) -> Deployed:
        """Deploys the bot; `on_play` is called when it plays, before its endpoints are up.

        Raises:
            ConfigError, EnvironmentProblem: why the bot does not run.
        """
        stdin, stdout = self._child.stdin, self._child.stdout
        if stdin is None or stdout is None:
            raise InvariantBroken("the child has pipes")
        with suppress(BrokenPipeError):  # it has ended: its last words say why
            stdin.write(json.dumps({"address": address, "config": config.pack()}) + "\n")
        with suppress(BrokenPipeError):
            stdin.close()
        for line in stdout:
            news: dict[str, object] = json.loads(line)
            if "error" in news:
                raise _error_of(news)
            if news["reached"] == "up":
                before = WorkerSetDescription.read(news["before"]) if news["before"] else None
                return Deployed(
                    before=before, dashboard=str(news["dashboard"]), problem=str(news["problem"])
                )
            on_play()
        raise EnvironmentProblem(f"the bot was not started: {self._last_words()}")

    def _last_words(self) -> str:
        status = self._child.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").splitlines()
        said = [line.strip() for line in lines if line.strip()]
        return said[-1][:300] if said else f"its process ended with status {status}"


@contextmanager
def bot_deployer(*, is_local: bool) -> Iterator[BotDeployer]:
    """Starts a deployer; `is_local` says whether the cluster is a Ray of our own."""
    with (
        tempfile.TemporaryFile() as errors,  # Ray's own lines are not for people
        child_process(COMMAND, is_local=is_local, stderr=errors) as child,
    ):
        yield BotDeployer(child, errors)


def _error_of(news: dict[str, object]) -> CrabstickError:
    kind = ConfigError if news["status"] == ConfigError.exit_status else EnvironmentProblem
    return kind(str(news["error"]))


def print_addresses(settings: Settings, dashboard: str, console: Console) -> None:
    """Prints where the dashboard and the bot's endpoints are."""
    if dashboard:
        console.print(
            f"Ray dashboard: {dashboard} (`crabstick dashboard` gives its token)", soft_wrap=True
        )
    if settings.http.enabled:
        host = "127.0.0.1" if settings.http.host == "0.0.0.0" else settings.http.host  # noqa: S104
        console.print(f"Metrics: http://{host}:{settings.http.port}/metrics", soft_wrap=True)
