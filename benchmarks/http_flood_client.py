"""`python -m benchmarks.http_flood_client PORT`: requests to a bot as fast as possible.

The flood of `benchmarks.http_flood`, until SIGTERM, in a process with the lowest priority: in
production a flood comes from another machine. It imports little, so its start disturbs no game.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from contextlib import suppress

PATHS = ("/metrics", "/games", "/livez", "/nothing")
LOWEST_PRIORITY = 19


def main() -> int:
    """Writes a line at the start, and a line with the counts of answers at the end."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.http_flood_client", description=__doc__
    )
    parser.add_argument("port", type=int)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    os.nice(LOWEST_PRIORITY)
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    began_s = time.monotonic()
    answers = asyncio.run(_send_all(options.port, options.connections))
    sys.stdout.write(json.dumps({"seconds": time.monotonic() - began_s, "answers": answers}) + "\n")
    return 0


async def _send_all(port: int, connections: int) -> Counter[str]:
    """Sends requests until SIGTERM; returns how often each status came."""
    answers: Counter[str] = Counter()
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    tasks = [
        asyncio.create_task(_send_on(port, PATHS[number % len(PATHS)], answers))
        for number in range(connections)
    ]
    await over.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return answers


async def _send_on(port: int, path: str, answers: Counter[str]) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):  # closed by the server
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                while True:
                    writer.write(request)
                    answers[await _status(reader)] += 1
            finally:
                writer.close()


async def _status(reader: asyncio.StreamReader) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].split(maxsplit=1)[0]
    await reader.readexactly(int(length))
    return head.split(maxsplit=2)[1].decode()


if __name__ == "__main__":
    sys.exit(main())
