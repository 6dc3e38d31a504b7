"""`crabstick sandbox` as a process: what it prints, and how it ends."""

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager


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
