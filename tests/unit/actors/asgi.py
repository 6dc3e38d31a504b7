"""HTTP requests without HTTP: an ASGI application is called, and its answer put together."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

App = Callable[[Any, Any, Any], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str
    chunks_read: int
    """How often the request's body was asked for."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def ask(
    app: App,
    path: str,
    method: str = "GET",
    headers: Headers = (),
    chunk: bytes = b"",
) -> Answer:
    """One request, whose body never ends if it has one: `chunk` comes again and again.

    Who has no body hangs up when he has been asked for it.
    """
    sent: list[Any] = []
    chunks_read = 0

    async def receive() -> dict[str, object]:
        nonlocal chunks_read
        if chunks_read and not chunk:
            return {"type": "http.disconnect"}
        chunks_read += 1
        await asyncio.sleep(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": list(headers),
        "client": ("192.0.2.7", 40_000),
        "server": None,
    }
    await app(scope, receive, send)
    return Answer(
        status=sent[0]["status"],
        headers={key.decode(): value.decode() for key, value in sent[0]["headers"]},
        body=b"".join(message.get("body", b"") for message in sent[1:]).decode(),
        chunks_read=chunks_read,
    )
