"""The sentence for a cluster that cannot be used."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from tests.cluster.local_bot import LocalBot

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60


def status(address: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "crabstick", "status", "--address", address],
        env={**os.environ, **more},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_a_wrong_token_is_named_as_the_reason_and_nothing_else_is_said(bot: LocalBot) -> None:
    done = status(bot.ray.address, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="not-the-token")
    assert done.returncode == 1
    assert "wants another authentication token" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_forgotten_auth_mode_is_named_as_the_reason(bot: LocalBot) -> None:
    done = status(bot.ray.address, RAY_AUTH_MODE="disabled")
    assert done.returncode == 1
    assert "set RAY_AUTH_MODE=token" in done.stderr


def test_a_port_of_something_else_is_no_ray_head() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        done = status(address)
    assert done.returncode == 1
    assert f"what listens at {address} does not answer as a Ray head's GCS does" in done.stderr
    assert done.stderr.count("\n") == 1
