"""The bot on a Ray cluster that Ray's own autoscaler scales, with its Lichess."""

import asyncio
import json
import os
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from crabstick.sandbox.testing import RunningSandbox
from tests.chaos.verdict import Verdict, judge
from tests.chaos.worker_logs import WorkerLogs
from tests.kube.cluster import Kube, kube
from tests.kube.lichess import BOT, lichess
from tests.kube.manifests import SETTINGS, Manifests
from tests.kube.network import Network
from tests.kube.pod_spec import AUTH_KEY

PATIENCE_S: Final = 240
UP_LIMIT_S: Final = 180
POLL_S: Final = 0.2
HTTP_LIMIT_S: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeBot:
    """What a test sees and does."""

    kube: Kube
    sandbox: RunningSandbox
    settings: Path
    http_port: int

    def up(self, *, max_games: int = 4, **cluster: Any) -> None:
        """`crabstick up` on the head, with the settings as shipped and these of `cluster`."""
        options = {
            "CRABSTICK__LICHESS__URL": self.sandbox.url,
            "CRABSTICK__HTTP__HOST": self.kube.network.addresses.head,
            "CRABSTICK__HTTP__PORT": str(self.http_port),
            "CRABSTICK__ENGINE__LIMITS__MOVE_TIME_MS": "50",
            "CRABSTICK__CHALLENGES__MAX_GAMES": str(max_games),
            "CRABSTICK__CLUSTER__AUTOSCALING": "true",
            **{f"CRABSTICK__CLUSTER__{key.upper()}": str(value) for key, value in cluster.items()},
        }
        command = ["python", "-m", "crabstick", "up", "--detach", f"--config={self.settings}"]
        up = self.kube.run_on_head([*command, f"--address={self.kube.gcs}"], options)
        said, _ = up.communicate(timeout=UP_LIMIT_S)
        assert up.returncode == 0, said

    def games(self) -> dict[str, str]:
        """The Pod where each game is played; empty for one that waits."""
        nodes = self.kube.ray_nodes()
        rows = json.loads(self._page("/games"))["games"]
        return {row["id"]: nodes[row["node"]].pod if row["node"] else "" for row in rows}

    def count(self, metric: str) -> int:
        """One number of `/metrics`."""
        found = re.search(rf"^{re.escape(metric)} (\S+)$", self._page("/metrics"), re.MULTILINE)
        return int(float(found[1])) if found else 0

    def standbys(self) -> int:
        """How many actors wait for a game."""
        return self.count('crabstick_actors{state="standby"}')

    def is_ready(self) -> bool:
        """Whether the bot runs and hears Lichess."""
        return bool(json.loads(self._page("/readyz"))["ok"])

    def deaths(self) -> dict[str, str]:
        """Ray's word for why each Pod that has ended did so, the first one first."""
        nodes = [node for node in self.kube.ray_nodes().values() if node.death]
        return {node.pod: node.death for node in sorted(nodes, key=lambda node: node.ended_ms)}

    def _page(self, path: str) -> str:
        url = f"http://{self.kube.network.addresses.head}:{self.http_port}{path}"
        with urllib.request.urlopen(url, timeout=HTTP_LIMIT_S) as page:
            text: str = page.read().decode()
        return text

    def verdict(self) -> Verdict:
        """What the ledger of Lichess says, compared with what the actors say they meant."""
        intended = [one for logs in self._logs() for one in logs.intended]
        return judge(self.sandbox.ledger(), intended, (), BOT)

    def events(self) -> list[dict[str, Any]]:
        """What the bot has logged, except its moves."""
        events = [one for logs in self._logs() for one in logs.events]
        return sorted(events, key=lambda one: str(one["timestamp"]))

    def _logs(self) -> list[WorkerLogs]:
        found = [WorkerLogs(folder) for folder in self.kube.network.ray_folders()]
        for logs in found:
            logs.read()
        return found


async def until(fetch: Callable[[], Any], is_right: Callable[[Any], bool]) -> Any:
    """Fetches again and again until the value is right; fails with the last value.

    A bot that does not answer is asked again.
    """
    until_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            value = await asyncio.to_thread(fetch)
        except OSError as error:
            value = error
        else:
            if is_right(value):
                return value
        assert time.monotonic() < until_s, f"after {PATIENCE_S} s still {value}"
        await asyncio.sleep(POLL_S)


@contextmanager
def running_bot(*, overlay: str = "minimal", most: int = 4, **options: Any) -> Iterator[KubeBot]:
    """Starts everything with these options of `up`, and ends it; at most `most` Pods at first."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="c-")))
        manifests = Manifests.rendered(overlay)
        network = Network(stack, folder)
        sandbox = stack.enter_context(lichess(network.lichess))
        secrets = {
            manifests.cluster["metadata"]["name"]: {AUTH_KEY: os.environ["RAY_AUTH_TOKEN"]},
            "crabstick-tokens": {"lichess": sandbox.token(BOT)},
        }
        ready = stack.enter_context(kube(manifests.cluster, secrets, network, folder))
        ready.set_max_replicas(most)
        settings = folder / SETTINGS
        settings.write_text(manifests.settings, encoding="utf-8")
        bot = KubeBot(kube=ready, sandbox=sandbox, settings=settings, http_port=network.port(8000))
        try:
            bot.up(**options)
            yield bot
        except Exception as error:
            error.add_note("\n".join(map(json.dumps, bot.events())))
            raise
