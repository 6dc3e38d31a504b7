"""The guard of the unit tests guards: see conftest.py."""

import asyncio
import os
import socket
import subprocess
import sys
import time

import pytest


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_no_network(family: socket.AddressFamily) -> None:
    with socket.socket(family) as sock, pytest.raises(AssertionError, match="use the network"):
        sock.connect(("127.0.0.1", 9))


async def test_no_network_on_an_event_loop_either() -> None:
    with pytest.raises(AssertionError, match="use the network"):
        await asyncio.open_connection("127.0.0.1", 9)


def test_no_process() -> None:
    with pytest.raises(AssertionError, match="start a process"):
        subprocess.run([sys.executable, "--version"], check=False)


async def test_no_process_on_an_event_loop_either() -> None:
    with pytest.raises(AssertionError, match="start a process"):
        await asyncio.create_subprocess_exec(sys.executable, "--version")


def test_no_fork() -> None:
    with pytest.raises(AssertionError, match="start a process"):
        os.fork()


def test_no_long_sleep() -> None:
    with pytest.raises(AssertionError, match=r"must not sleep 1\.1 s"):
        time.sleep(1.1)


async def test_no_long_sleep_on_an_event_loop_either() -> None:
    with pytest.raises(AssertionError, match=r"must not sleep 1\.1 s"):
        await asyncio.sleep(1.1)


async def test_a_short_sleep_is_allowed() -> None:
    assert await asyncio.sleep(0, "slept") == "slept"
