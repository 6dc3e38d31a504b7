"""Deploys a bot in a process of its own: `python -m actors.ops.deployer`, with the order as JSON.

The process imports Ray while it waits for the order on its standard input: the `address` of the
cluster and the packed `config` of the bot. It tells in lines of JSON what it has reached. So
neither `up` nor the supervisor of a local cluster imports Ray, and a Ray that dies ends neither.
"""

import asyncio
import json
import sys

from actors.messages import ActorConfig
from actors.ops.connect import connect, dashboard_url, disconnect
from actors.ops.deploy import deploy, problem_of
from crabstick.errors import CrabstickError


def tell(**news: object) -> None:
    """Tells the parent."""
    sys.stdout.write(json.dumps(news) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Waits for the order, and carries it out."""
    line = sys.stdin.readline()
    if line:
        _carry_out(json.loads(line))


def _carry_out(order: dict[str, object]) -> None:
    config = ActorConfig.read(order["config"])
    try:
        connect(str(order["address"]), config.namespace)
        reached = asyncio.run(_deploy(config))
    except CrabstickError as error:
        tell(error=str(error), status=error.exit_status)
        sys.exit(1)
    tell(reached="up", dashboard=dashboard_url(), **reached)
    disconnect()


async def _deploy(config: ActorConfig) -> dict[str, object]:
    before = await deploy(config, lambda: tell(reached="plays"))
    problem = await problem_of(config.namespace)
    return {"before": before and before.pack(), "problem": problem}


if __name__ == "__main__":
    main()
