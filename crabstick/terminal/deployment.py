"""Deploys a bot on the connected cluster and prints where to look at it."""

import asyncio
import os
from datetime import timedelta

from rich.console import Console

from actors.messages import ActorConfig
from actors.ops.connect import dashboard_url
from actors.ops.deploy import deploy, wait_listening
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings

LISTENER_PATIENCE = timedelta(seconds=20)


def deploy_bot(config: ActorConfig, console: Console) -> bool:
    """Deploys the bot; False when it ran already as `config` says.

    Raises:
        EnvironmentProblem: the cluster cannot run the bot, or its listener does not hear Lichess.
    """
    settings = Settings.from_message(config.settings)
    changed = asyncio.run(deploy(config))
    problem = asyncio.run(wait_listening(config.namespace, LISTENER_PATIENCE))
    if problem:
        raise EnvironmentProblem(f"{config.bot} is up but does not hear Lichess: {problem}")
    address = dashboard_url()
    console.print(f"Ray dashboard: {address or 'none'}", soft_wrap=True)
    if address and os.environ.get("RAY_AUTH_MODE") == "token":
        console.print("  (it asks for the token that `ray get-auth-token` prints)")
    host = "127.0.0.1" if settings.http.host == "0.0.0.0" else settings.http.host  # noqa: S104
    console.print(f"Metrics: http://{host}:{settings.http.port}/metrics", soft_wrap=True)
    return changed
