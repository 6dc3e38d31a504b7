"""An engine started by a shell script: the engine ends with the script, whichever ends first.

The engine ignores the end of its stdin, unless a test says otherwise.
"""

import asyncio
import shlex
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvloop

from engine.errors import EngineDied, EngineHung, NotAnEngine
from engine.interface import EngineSpec
from engine.uci_engine import UciEngine
from tests.engine.builders import a_fake, a_request, has_ended, seconds, wait_until

GRACE = seconds(0.05)
FOREVER_S = 60.0


def a_wrapper(folder: Path, command: str) -> EngineSpec:
    """A script that starts `command` as its child and continues after it."""
    script = folder / "fish"
    script.write_text(f"#!/bin/sh\n{command}\necho over\n", encoding="utf-8")
    script.chmod(0o755)
    return EngineSpec(command=(str(script),), niceness=0)


def around(folder: Path, mode: str) -> EngineSpec:
    """A wrapper of our fake."""
    return a_wrapper(folder, shlex.join(a_fake(mode).command))


def only_child(engine: UciEngine) -> psutil.Process:
    assert engine.pid is not None
    (child,) = psutil.Process(engine.pid).children()
    return child


async def end_of(child: psutil.Process) -> None:
    await wait_until(lambda: has_ended(child.pid))


async def test_a_child_that_hangs_is_ended(tmp_path: Path) -> None:
    engine = UciEngine(around(tmp_path, "hang"), stop_grace=GRACE)
    await engine.open()
    child = only_child(engine)
    with pytest.raises(EngineHung):
        await engine.search(a_request(deadline_s=0.1))
    await end_of(child)
    await engine.close()


async def test_a_child_that_quits_lets_the_wrapper_end_by_itself(tmp_path: Path) -> None:
    engine = UciEngine(around(tmp_path, "instant"))
    await engine.open()
    child = only_child(engine)
    await engine.close(seconds(10))
    assert engine._latest is not None
    assert engine._latest.returncode.result() == 0
    await end_of(child)


async def death_of_a_wrapper(folder: Path) -> str:
    """The wrapper dies in a search: the search fails before its deadline, and the child ends."""
    engine = UciEngine(around(folder, "hang"))
    await engine.open()
    assert engine.pid is not None
    child = only_child(engine)
    search = asyncio.ensure_future(engine.search(a_request(deadline_s=FOREVER_S)))
    await asyncio.sleep(0)  # the search has been sent
    psutil.Process(engine.pid).kill()
    with pytest.raises(EngineDied, match="SIGKILL"):
        await asyncio.wait_for(search, FOREVER_S / 2)
    await end_of(child)
    return engine.name


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_wrapper_that_dies_leaves_no_child(
    tmp_path: Path, run: Callable[[Coroutine[Any, Any, str]], str]
) -> None:
    assert run(death_of_a_wrapper(tmp_path)) == "crabstick fake"


async def test_children_of_children_are_ended_too(tmp_path: Path) -> None:
    inner = around(tmp_path, "hang").command
    (tmp_path / "outer").mkdir()
    engine = UciEngine(a_wrapper(tmp_path / "outer", shlex.join(inner)))
    await engine.open()
    assert engine.pid is not None
    family = psutil.Process(engine.pid).children(recursive=True)
    assert len(family) == 2
    await engine.close(seconds(0))
    for member in family:
        await end_of(member)


async def test_what_never_became_an_engine_leaves_no_child(tmp_path: Path) -> None:
    spec = replace(a_wrapper(tmp_path, "sleep 600"), start_timeout=seconds(0.5))
    engine = UciEngine(spec)
    opening = asyncio.ensure_future(engine.open())
    await wait_until(lambda: engine.pid is not None and bool(psutil.Process(engine.pid).children()))
    child = only_child(engine)
    with pytest.raises(NotAnEngine):
        await opening
    await end_of(child)


HOST = """
import asyncio, sys
from pathlib import Path
from engine.uci_engine import UciEngine
from tests.engine.test_wrapper import around, only_child

async def host():
    engine = UciEngine(around(Path(sys.argv[1]), "instant"))
    await engine.open()
    print(engine.pid, only_child(engine).pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(host())
"""


async def test_wrapper_and_child_leave_when_their_host_is_killed(tmp_path: Path) -> None:
    """The child notices the end of its stdin, as engines do."""
    host = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOST, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert host.stdout is not None
    pids = [int(word) for word in (await asyncio.wait_for(host.stdout.readline(), 20)).split()]
    assert [has_ended(pid) for pid in pids] == [False, False]
    host.kill()
    await host.wait()
    await wait_until(lambda: all(map(has_ended, pids)))
