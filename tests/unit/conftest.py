"""Unit tests touch nothing outside: no Ray, no network, no process, and nobody waits."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

LONGEST_WAIT_S = 1.0

_sleep = time.sleep
_async_sleep = asyncio.sleep


def _forbidden(what: str) -> Callable[..., NoReturn]:
    def refuse(*_args: object, **_kwargs: object) -> NoReturn:
        raise AssertionError(f"a unit test must not {what}")

    return refuse


def _short_sleep(seconds: float) -> None:
    assert seconds <= LONGEST_WAIT_S, f"a unit test must not sleep {seconds} s"
    _sleep(seconds)


async def _short_async_sleep(delay: float, result: Any = None) -> Any:
    is_virtual = getattr(asyncio.get_running_loop(), "is_virtual", False)
    assert is_virtual or delay <= LONGEST_WAIT_S, f"a unit test must not sleep {delay} s"
    return await _async_sleep(delay, result)


@pytest.fixture(autouse=True)
def _nothing_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("connect", "connect_ex", "listen"):
        monkeypatch.setattr(socket.socket, name, _forbidden("use the network"))
    monkeypatch.setattr(subprocess.Popen, "__init__", _forbidden("start a process"))
    for name in ("fork", "posix_spawn", "posix_spawnp", "system"):
        monkeypatch.setattr(os, name, _forbidden("start a process"))
    monkeypatch.setattr(time, "sleep", _short_sleep)
    monkeypatch.setattr(asyncio, "sleep", _short_async_sleep)
    if "ray" in sys.modules:  # to import it costs every other test a second
        monkeypatch.setattr("ray.init", _forbidden("start Ray"))
