"""The engine exits when our process is killed without any cleanup."""

import asyncio
import sys

import psutil

from tests.engine.builders import has_ended, wait_until

HOST = """
import asyncio
from engine.process import UciEngine
from tests.engine.builders import a_fake

async def host():
    engine = UciEngine(a_fake())
    await engine.open()
    print(engine.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(host())
"""


async def test_the_engine_leaves_when_its_host_is_killed() -> None:
    host = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOST, stdout=asyncio.subprocess.PIPE
    )
    assert host.stdout is not None
    engine_pid = int(await asyncio.wait_for(host.stdout.readline(), 20))
    assert psutil.pid_exists(engine_pid)
    host.kill()
    await host.wait()
    await wait_until(lambda: has_ended(engine_pid))
