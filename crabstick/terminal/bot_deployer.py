"""The parent's side of `actors.ops.deployer`, which deploys the bot in a process of its own."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from rich.console import Console

from actors.local_ray.ray_node import our_environment
from actors.messages import ActorConfig
from crabstick.errors import ConfigError, CrabstickError, EnvironmentProblem, InvariantBroken
from crabstick.settings import Settings
from crabstick.signals import deferred_interrupt

COMMAND: Final = (sys.executable, "-P", "-m", "actors.ops.deployer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What it has done; empty without a `dashboard` (its URL) or a `problem` of the bot."""

    changed: bool
    dashboard: str
    problem: str


class BotDeployer:
    """The child process, which gets ready while its parent does other things.

    `is_local` says whether the cluster is a Ray of our own.
    """

    def __init__(self, *, is_local: bool) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 -- closed with the child
        with deferred_interrupt():
            self._child = subprocess.Popen(
                COMMAND,
                # Ray lets workers import from a driver's folder first, where the user has data
                cwd="/" if is_local else None,
                env=our_environment(is_local=is_local),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,  # Ray's own lines are not for people
                text=True,
                start_new_session=True,  # Ctrl-C in our terminal must reach this process alone
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        with deferred_interrupt():
            self._child.kill()
            self._child.wait()
            for pipe in (self._child.stdin, self._child.stdout, self._errors):
                if pipe is not None:
                    pipe.close()

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
            if news.pop("reached") == "up":
                return Deployed(**news)  # type: ignore[arg-type]  # as our child has written them
            on_play()
        raise EnvironmentProblem(f"the bot was not started: {self._last_words()}")

    def _last_words(self) -> str:
        status = self._child.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").splitlines()
        said = [line.strip() for line in lines if line.strip()]
        return said[-1][:300] if said else f"its process ended with status {status}"


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
