"""A test that runs once more where its cluster has everything to itself.

A child runs the same test in new network and process namespaces: usual ports are free, addresses
can be given out, and nothing outlives it. Where this machine does not allow that, the child has no
namespaces, and what it starts are plain processes on loopback.
"""

import functools
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Final

import pytest

from tests.chaos.networks import MARK, enter_namespaces

ROOT: Final = Path(__file__).parents[2]
INSIDE: Final = "CRABSTICK_KUBE_INSIDE"


def in_namespaces(test: Callable[[], None]) -> Callable[[], None]:
    """Makes it run in a child; skips it where there is no kubectl."""

    @functools.wraps(test)
    def child() -> None:
        if INSIDE in os.environ:
            test()
        elif shutil.which("kubectl") is None:
            pytest.skip("kubectl is not installed, so the manifests cannot be rendered")
        else:
            _run_in_namespaces(f"{test.__code__.co_filename}::{test.__name__}")

    return child


def _run_in_namespaces(test: str) -> None:
    enter = enter_namespaces()
    with TemporaryDirectory(prefix="k-", ignore_cleanup_errors=True) as folder:
        more = {
            INSIDE: "1",
            "TMPDIR": folder,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            **({MARK: gettempdir()} if enter else {}),
        }
        child = subprocess.Popen(
            [
                *enter,
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-m",
                "",
                "-p",
                "no:cacheprovider",
                test,
            ],
            cwd=ROOT,
            env={**os.environ, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = child.communicate()
        except BaseException:
            _end(child, is_alone=not enter)
            raise
    if child.returncode:
        pytest.fail(said, pytrace=False)


def _end(child: "subprocess.Popen[str]", *, is_alone: bool) -> None:
    """All that is in a namespace ends with its first process; else the child has to tidy up."""
    if is_alone:
        child.send_signal(signal.SIGINT)
        child.wait()
    child.kill()
    child.wait()
