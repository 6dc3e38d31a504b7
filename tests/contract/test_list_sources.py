"""Lists of players from files and over HTTP, from a server that may do anything."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from crabstick import list_sources
from crabstick.list_sources import ListSources

KEY = "challenges.block_list"


class ListServer:
    """Serves one list; `status` and `body` may change."""

    def __init__(self) -> None:
        self.body: bytes = b"Alice\nbob\n"
        self.status = 200
        self.hangs = False
        self.served: list[int] = []

    async def answer(self, request: web.Request) -> web.Response:
        """Answers as the server is set."""
        if self.hangs:
            await asyncio.sleep(60)
        etag = str(hash(self.body))
        status = 304 if request.headers.get("If-None-Match") == etag else self.status
        self.served.append(status)
        body = b"" if status == 304 else self.body
        return web.Response(status=status, body=body, headers={"ETag": etag})

    async def start(self) -> TestServer:
        """Starts to listen."""
        app = web.Application()
        app.router.add_get("/list", self.answer)
        server = TestServer(app)
        await server.start_server()
        return server


async def test_names_files_and_web_lists_are_read_together(tmp_path: Path) -> None:
    web_list = ListServer()
    server = await web_list.start()
    path = tmp_path / "mine.txt"
    path.write_text("Carol # rude\n")
    sources = ListSources(tmp_path / "kept")
    entries = ["Dave", str(path), str(server.make_url("/list"))]
    names, problems = await sources.read(KEY, entries)
    assert sorted(names) == ["alice", "bob", "carol", "dave"]
    assert not problems
    assert (await sources.read(KEY, entries))[0] == names
    assert web_list.served == [200, 304]
    await server.close()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, b"", "answered 404"),
        (200, b"<html></html>", "is not a name on Lichess"),
        (200, b"\xff\xfe\x00", "is not UTF-8 text"),
        (200, b"abc\n" * 600_000, "is larger than"),
    ],
)
async def test_the_last_good_copy_stands_while_the_server_fails(
    tmp_path: Path, status: int, body: bytes, words: str
) -> None:
    web_list = ListServer()
    server = await web_list.start()
    entries = [str(server.make_url("/list"))]
    sources = ListSources(tmp_path)
    await sources.read(KEY, entries)
    web_list.status, web_list.body = status, body
    names: frozenset[str] = frozenset()
    for again in (sources, ListSources(tmp_path)):
        names, (problem,) = await again.read(KEY, entries)
        assert names == {"alice", "bob"}
        assert problem.startswith(f"{KEY} http://")
        assert words in problem
    assert (await ListSources(tmp_path).read(KEY, entries, is_online=False))[0] == names
    await server.close()


async def test_a_server_that_hangs_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_sources, "FETCH_LIMIT", timedelta(milliseconds=50))
    web_list = ListServer()
    web_list.hangs = True
    server = await web_list.start()
    names, (problem,) = await ListSources(tmp_path).read(KEY, [str(server.make_url("/list"))])
    assert names == frozenset()
    assert "no answer in time" in problem
    await server.close()


async def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    _, (problem,) = await ListSources(tmp_path).read(KEY, [str(tmp_path / "no.txt")])
    assert "there is no such file" in problem
