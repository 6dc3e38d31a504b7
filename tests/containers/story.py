"""Head, keeper, two nodes and a Lichess in containers; one node gets a SIGTERM in mid-game."""

import asyncio
import json
import random
import secrets
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import requests
import yaml

from crabstick.errors import EnvironmentProblem
from crabstick.sandbox.accounts import default_accounts
from crabstick.sandbox.move_policies import random_mover
from crabstick.sandbox.opponent import Opponent, OpponentSpec
from crabstick.sandbox.testing import RunningSandbox
from tests.containers.podman import Podman
from tests.containers.pods import (
    HEAD_SERVICE,
    HTTP_SERVICE,
    Spec,
    keeper_spec,
    options,
    ray_pods,
    secret,
)

BOT: Final = "crabstick"
NETWORK: Final = "crab"
LICHESS_PORT: Final = 8080
NODES: Final = ("game1", "game2")
GAMES: Final = 3
CLOCK: Final = (timedelta(seconds=300), timedelta(seconds=3))
START_LIMIT_S: Final = 300
SETTINGS: Final = {
    "lichess": {"url": f"http://lichess:{LICHESS_PORT}"},
    "http": {"host": "0.0.0.0"},  # noqa: S104 -- within its container
    "engine": {"limits": {"move_time_ms": 100}},
    "cluster": {"standby": 1, "slot_cpus": 0.5},  # four slots a node: one holds all games
}
PROCESSES: Final = """
import json, psutil
found = [one.info for one in psutil.process_iter(["uids", "cmdline"]) if one.info["cmdline"]]
print(json.dumps([(one["uids"][0], " ".join(one["cmdline"])) for one in found]))
"""
"""Prints the user and the command line of each process."""

T = TypeVar("T")
Facts = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Cluster:
    """The containers, made of the image in the order in which they need each other."""

    podman: Podman
    image: str
    folder: Path
    think_s: float = 6.0
    http: str = ""
    lichess: RunningSandbox = field(init=False)

    def start(self) -> Facts:
        """Returns when the keeper has brought the bot up; tells what happened on the way."""
        (self.folder / "bot.yaml").write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")
        self.podman("network", "create", NETWORK)
        accounts = default_accounts()
        for name, value in (
            (secret("crabstick-tokens", "lichess"), accounts.token_of(BOT)),
            (secret("crabstick", "auth_token"), secrets.token_hex(32)),
        ):
            self.podman("secret", "create", name, "-", text=value)
        self._start_lichess()
        head, worker = ray_pods()
        self.run("head", head, f"--network-alias={HEAD_SERVICE}", *_served(HTTP_SERVICE))
        self.http = self._published("head", 8000)
        self._wait_said("head", "Ray runtime started")
        for name in NODES:
            self.run(name, worker)
            self._wait_said(name, "Ray runtime started")
        uninvited = self._submit_without_token()
        self.run("keeper", keeper_spec())
        self.wait(lambda: self.answers("/livez") and self.answers("/readyz"), START_LIMIT_S)
        return {"uninvited": uninvited}

    def run(self, name: str, spec: Spec, *more: str) -> None:
        """One container, which is found by its name."""
        given, command = options(spec, self.folder)
        given += [f"--name={name}", f"--hostname={name}", f"--network={NETWORK}", "--detach"]
        self.podman.run(*given, *more, self.image, *command)

    def _start_lichess(self) -> None:
        admin = secrets.token_hex(8)
        self.podman.run(
            *("--detach", "--name=lichess", f"--network={NETWORK}"),
            f"--publish=127.0.0.1::{LICHESS_PORT}",
            f"--env=CRABSTICK_SANDBOX_ADMIN_TOKEN={admin}",
            *(self.image, "python", "-m", "crabstick", "sandbox", "--no-rate-limits"),
            *("--host", "0.0.0.0", "--port", str(LICHESS_PORT)),  # noqa: S104
        )
        self.lichess = RunningSandbox(
            url=self._published("lichess", LICHESS_PORT),
            admin_token=admin,
            accounts=default_accounts(),
        )
        self._wait_said("lichess", "Lichess sandbox:")

    def _submit_without_token(self) -> str:
        given, _ = options(keeper_spec(), self.folder)
        given = [option for option in given if "RAY_AUTH" not in option]
        given.append("--env=RAY_AUTH_MODE=disabled")
        asks = ["ray", "job", "submit", "--address", f"http://{HEAD_SERVICE}:8265", "--", "true"]
        try:
            self.podman.run("--rm", f"--network={NETWORK}", *given, self.image, *asks)
        except EnvironmentProblem as problem:
            return str(problem)
        return "it was let in"

    def _published(self, name: str, port: int) -> str:
        return f"http://{self.podman('port', name, str(port)).splitlines()[0].strip()}"

    def _wait_said(self, name: str, words: str) -> None:
        self.wait(lambda: words in self.said(name), START_LIMIT_S)

    def said(self, name: str) -> str:
        """All that a container has printed; empty while it is not there."""
        with suppress(EnvironmentProblem):
            return self.podman("logs", name)
        return ""

    def wait(self, condition: Callable[[], T], limit_s: float = 150) -> T:
        """Waits until it is true.

        Raises:
            EnvironmentProblem: that took too long; with the last words of all.
        """
        until_s = time.monotonic() + limit_s
        while not (found := condition()):
            if time.monotonic() > until_s:
                names = ("lichess", "head", *NODES, "keeper")
                words = "".join(f"\n--- {name}\n{self.said(name)[-1500:]}" for name in names)
                raise EnvironmentProblem(f"nothing happens in the containers:{words}")
            time.sleep(0.5)
        return found

    def answers(self, path: str) -> bool:
        """Whether one of the bot's endpoints says 200."""
        try:
            return requests.get(self.http + path, timeout=10).ok
        except requests.RequestException:
            return False

    def rows(self) -> dict[str, Facts]:
        """What `/games` shows."""
        try:
            games = requests.get(f"{self.http}/games", timeout=10).json().get("games", ())
        except requests.RequestException:
            return {}
        return {game["id"]: game for game in games}

    def metric(self, name: str) -> float:
        """One sample of `/metrics`."""
        text = requests.get(f"{self.http}/metrics", timeout=10).text
        found = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(name)]
        return float(found[0]) if found else 0.0

    def played(self) -> dict[str, Facts]:
        """The games as the server sees them."""
        return {game["id"]: game for game in self.lichess.ledger()["games"]}

    def wait_played(self) -> dict[str, Facts]:
        """Waits until every game has an actor and two more plies than now, or is over."""
        before = {i: len(game["moves"]) for i, game in self.played().items()}

        def rows() -> dict[str, Facts]:
            rows, games = self.rows(), self.played()
            running = [i for i, game in games.items() if game["ended_ms"] is None]
            goes_on = [
                bool(rows.get(i, {}).get("actor"))
                and len(games[i]["moves"]) >= before.get(i, 0) + 2
                for i in running
            ]
            return rows if rows and all(goes_on) else {}

        return self.wait(rows)

    def processes(self, name: str) -> list[tuple[int, str]]:
        """Of each process in a container: its user, and its command line."""
        found: list[tuple[int, str]] = json.loads(
            self.podman("exec", name, "python", "-c", PROCESSES)
        )
        return found

    def node_of(self, name: str) -> str:
        """The id of the Ray node in a container."""
        words = " ".join(line for _, line in self.processes(name)).split()
        return next(word.partition("=")[2] for word in words if word.startswith("--node_id="))

    def opponent(self, number: int) -> Opponent:
        """A sparring partner that moves at random."""
        rng, name = random.Random(number), f"sparring{number}"
        player = OpponentSpec(
            name=name,
            token=self.lichess.token(name),
            policy=random_mover(rng),
            delay=lambda: timedelta(seconds=self.think_s * rng.uniform(0.5, 1.5)),
        )
        return Opponent(self.lichess.url, player)


def _served(alias: str) -> list[str]:
    return [f"--network-alias={alias}", "--publish=127.0.0.1::8000"]


async def play(cluster: Cluster) -> Facts:
    """Games are played, and the node with most of them gets a SIGTERM."""
    async with AsyncExitStack() as stack:
        opponents = [
            await stack.enter_async_context(cluster.opponent(number))
            for number in range(1, GAMES + 1)
        ]
        ids = [await opponent.challenge(BOT, CLOCK, "random") for opponent in opponents]
        await asyncio.to_thread(cluster.wait, lambda: len(cluster.played()) == GAMES)
        before = await asyncio.to_thread(cluster.wait_played)
        facts = await asyncio.to_thread(_end_busiest, cluster, before)
        facts["after"] = await asyncio.to_thread(cluster.wait_played)
        cluster.think_s = 0.05
        results = await asyncio.gather(
            *(o.wait_result(i) for o, i in zip(opponents, ids, strict=True))
        )
    return facts | {
        "results": [result.status for result in results],
        "games": await asyncio.to_thread(cluster.played),
        "refused": cluster.lichess.ledger()["refused_moves"],
        "handovers": cluster.metric("crabstick_handovers_total"),
        "takeovers": cluster.metric("crabstick_takeovers_total"),
    }


def _end_busiest(cluster: Cluster, rows: dict[str, Facts]) -> Facts:
    podman = cluster.podman
    nodes = {name: cluster.node_of(name) for name in NODES}
    games = [row["node"] for row in rows.values()]
    name = max(NODES, key=lambda name: games.count(nodes[name]))
    processes = {one: cluster.processes(one) for one in ("head", *NODES, "keeper")}
    began_s = time.monotonic()
    podman("stop", name, limit_s=300)
    state = json.loads(podman("inspect", name))[0]["State"]
    return {
        "before": rows,
        "stopped": nodes[name],
        "had": games.count(nodes[name]),
        "took_s": time.monotonic() - began_s,
        "exit_status": state["ExitCode"],
        "processes": processes,
    }
