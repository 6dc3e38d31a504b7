"""`crabstick sandbox` as a process: what it prints, and how it ends."""

import asyncio
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

import pytest

from crabstick.sandbox.move_policies import first_legal
from crabstick.sandbox.opponent import Opponent, OpponentSpec, no_delay
from tests.contract.sandbox.clients import wait_until


@contextmanager
def a_sandbox(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and its URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "crabstick", "sandbox", "--port", "0", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().split()[-1]
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("plays", [True, False])
async def test_a_sandbox_with_opponents_ends_quietly_at_a_signal(
    number: signal.Signals, *, plays: bool
) -> None:
    async with AsyncExitStack() as stack:
        process, url = stack.enter_context(a_sandbox("--opponents", "2"))
        assert process.stdout is not None
        while "will be challenged by" not in process.stdout.readline():
            assert process.poll() is None
        if plays:
            spec = OpponentSpec(
                name="crabstick",
                token="crabstick_token",
                policy=first_legal,
                delay=no_delay,
                accepts=True,
            )
            bot = await stack.enter_async_context(Opponent(url, spec))
            await wait_until(lambda: bot._begun)
        await asyncio.sleep(0.3)
        process.send_signal(number)
        output, _ = await asyncio.to_thread(process.communicate, timeout=5)
    assert (process.returncode, output) == (0, "")


def test_a_path_that_is_not_served_is_printed_once() -> None:
    with a_sandbox() as (process, url):
        for path in ("/api/team/crabs", "/api/team/crabs", "/robots.txt"):
            try:
                urllib.request.urlopen(url + path, timeout=5).close()  # noqa: S310  (our own server)
            except urllib.error.HTTPError as error:
                error.close()
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=10)
    lines = [line for line in output.splitlines() if "not serve" in line]
    assert lines == ["the sandbox does not serve GET /api/team/crabs"]
