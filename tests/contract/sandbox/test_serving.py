"""Start and end of a server: ports, signals, and open streams, which must not delay the end."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from crabstick.errors import EnvironmentProblem
from crabstick.sandbox.accounts import default_accounts
from crabstick.sandbox.server import listen, url_of
from crabstick.sandbox.testing import RunningSandbox, running
from tests.contract.sandbox.clients import Client

ADMIN = "admin"
SERVE = """
from crabstick.sandbox.accounts import default_accounts
from crabstick.sandbox.options import Options
from crabstick.sandbox.server import SandboxServer, listen
options = Options(on_ready=lambda url: print(url, flush=True))
SandboxServer(listen("127.0.0.1", 0), default_accounts(), "admin", options).run()
print("over", flush=True)
"""


@contextmanager
def a_served_process() -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(
        [sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_server_at_once_though_streams_are_open(
    number: signal.Signals,
) -> None:
    with a_served_process() as (process, url):
        accounts = default_accounts()
        sandbox = RunningSandbox(url=url, admin_token=ADMIN, accounts=accounts)
        async with Client(sandbox, "crabstick") as mine:
            stream = await mine.open_events()
            sandbox.arm("silence")
            process.send_signal(number)
            assert await stream.rest() == []
        assert process.wait(timeout=5) == 0
        assert process.stdout is not None
        assert process.stdout.read() == "over\n"


def test_a_port_in_use_is_one_sentence() -> None:
    with running() as sandbox:
        port = int(sandbox.url.rsplit(":", 1)[1])
        with pytest.raises(EnvironmentProblem) as problem:
            listen("127.0.0.1", port)
    assert str(problem.value) == f"port {port} on 127.0.0.1 is already in use: choose another port"


def test_a_foreign_host_is_one_sentence() -> None:
    with pytest.raises(EnvironmentProblem, match=r"cannot listen on 192\.0\.2\.1 port 0: "):
        listen("192.0.2.1", 0)


def test_the_url_of_an_ipv6_socket_has_brackets() -> None:
    try:
        listener = listen("::1", 0)
    except EnvironmentProblem:
        pytest.skip("this machine has no IPv6")
    with listener:
        assert url_of(listener).startswith("http://[::1]:")


async def test_a_background_sandbox_ends_with_its_block_though_streams_are_open() -> None:
    limit = timedelta(seconds=3)
    with running() as sandbox:
        client = Client(sandbox, "crabstick")
        stream = await client.open_events()
        began = time.monotonic()
    assert timedelta(seconds=time.monotonic() - began) < limit
    assert await stream.rest() == []
    await client.__aexit__(None, None, None)
