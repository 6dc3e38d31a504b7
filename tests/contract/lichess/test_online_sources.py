"""Servers that are asked for moves: their answers, their faults, and what they may cost."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import chess
import pytest
from pydantic import SecretStr
from yarl import URL

from crabstick.game import online_sources
from crabstick.game.online_sources import STRIKES
from crabstick.lichess.route import CA_VARIABLES
from tests.builders import seconds
from tests.contract.lichess.asker import Asker
from tests.contract.lichess.tiny_server import Exchange, Script, TinyServer, serving
from tests.kube.certificate import write_certificate

START = chess.Board()
ENDING = chess.Board("8/8/8/3k4/8/8/8/KQ6 w - - 0 1")
TOKEN = SecretStr("lip_verysecret").get_secret_value()
ANSWERS = {
    "cdb.php": {"status": "ok", "moves": [{"uci": "e2e4", "score": 12}]},
    "cloud-eval": {"depth": 40, "pvs": [{"moves": "d2d4 d7d5", "cp": 20}]},
    "masters": {"moves": [{"uci": "g1f3", "white": 9, "draws": 9, "black": 9}]},
    "standard?": {"category": "win", "moves": [{"uci": "b1b4", "category": "loss"}]},
}


async def answer(exchange: Exchange) -> None:
    await exchange.respond(
        200, next(body for word, body in ANSWERS.items() if word in exchange.path)
    )


async def html(exchange: Exchange) -> None:
    await exchange.respond(200, b"<html>Checking your browser</html>")


async def illegal(exchange: Exchange) -> None:
    await exchange.respond(200, {"moves": [{"uci": "e2e5", "score": 12}]})


async def error(exchange: Exchange) -> None:
    await exchange.respond(503, {"error": "down"})


async def moved(exchange: Exchange) -> None:
    await exchange.respond(302, Location="/elsewhere")


async def reset(exchange: Exchange) -> None:
    exchange.reset()


async def cut(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{")
    exchange.hang_up()


async def slow(exchange: Exchange) -> None:
    await exchange.reader.read()


async def drip(exchange: Exchange) -> None:
    await exchange.start_stream()
    while True:
        await exchange.chunk(b" ")
        await asyncio.sleep(0.02)


async def limit(exchange: Exchange) -> None:
    await exchange.respond(429, {"error": "Too many requests"}, Retry_After="40")


async def unknown(exchange: Exchange) -> None:
    await exchange.respond(404, {"error": "No cloud evaluation available for that position"})


MakeAsker = Callable[..., Asker]


@pytest.fixture
async def make_asker(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeAsker]:
    monkeypatch.setenv("LICHESS_BOT_TOKEN", TOKEN)
    made = []

    def make(*arguments: Any, **online: Any) -> Asker:
        made.append(Asker(*arguments, **online))
        return made[-1]

    yield make
    for each in made:
        await each.close()


def at(server: TinyServer, *sources: str) -> dict[str, Any]:
    return {"sources": sources, "urls": dict.fromkeys(sources, server.url)}


async def test_each_source_has_its_move(make_asker: MakeAsker) -> None:
    async with serving(answer) as server:
        for source, board, move in (
            ("chessdb", START, "e2e4"),
            ("lichess_cloud", START, "d2d4"),
            ("opening_explorer", START, "g1f3"),
            ("online_egtb", ENDING, "b1b4"),
        ):
            asker = make_asker(**at(server, source))
            assert await asker.ask(board) == f"{source} {move}"
            assert asker.failures() == 0
    agents = [each.headers["user-agent"] for each in server.requests]
    assert all(agent.startswith("crabstick/") and "user:crabby" in agent for agent in agents)


async def test_cloud_evaluations_come_from_the_lichess_of_the_settings(
    make_asker: MakeAsker,
) -> None:
    async with serving(answer) as server:
        asker = make_asker(server.url, sources=["lichess_cloud"])
        assert await asker.ask() == "lichess_cloud d2d4"


async def test_the_sources_are_asked_in_the_order_of_the_settings(make_asker: MakeAsker) -> None:
    async with serving(answer) as good, serving(unknown) as other:
        urls = {"chessdb": good.url, "lichess_cloud": other.url}
        asker = make_asker(sources=["lichess_cloud", "chessdb"], urls=urls)
        assert await asker.ask() == "chessdb e2e4"
        assert (len(other.requests), len(good.requests)) == (1, 1)
        assert asker.failures() == 0


async def test_openings_are_asked_about_early_and_endings_at_any_time(
    make_asker: MakeAsker,
) -> None:
    async with serving(answer) as server:
        asker = make_asker(**at(server, "chessdb", "online_egtb"), max_ply=2)
        board, ending = START.copy(), chess.Board("8/8/8/3k4/8/8/8/K1Q5 w - - 0 1")
        for uci in ("g1f3", "g8f6"):
            board.push_uci(uci)
        for uci in ("c1b1", "d5d6"):
            ending.push_uci(uci)
        assert await asker.ask(board) == ""
        assert (await asker.ask(ending)).startswith("online_egtb")
        assert len(server.requests) == 1


@pytest.mark.parametrize("fault", [html, illegal, error, moved, reset, cut, slow, drip])
async def test_a_source_that_fails_again_and_again_is_left_out_for_a_while(
    fault: Script, make_asker: MakeAsker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(online_sources, "REST_S", 0.3)
    async with serving(fault) as server:
        asker = make_asker(**at(server, "chessdb"), max_time_ms=50, requests_per_minute=100)
        for _ in range(STRIKES + 2):
            assert await asker.ask() == ""
        assert asker.failures() == STRIKES
        asked = len(server.requests)
        server.script = answer
        await asyncio.sleep(0.3)
        assert await asker.ask() == "chessdb e2e4"
        assert len(server.requests) == asked + 1


async def test_a_source_that_does_not_know_the_positions_is_left_out_too(
    make_asker: MakeAsker,
) -> None:
    async with serving(unknown) as server:
        asker = make_asker(**at(server, "chessdb"))
        for _ in range(STRIKES + 2):
            assert await asker.ask() == ""
        assert (asker.failures(), len(server.requests)) == (0, STRIKES)


async def test_a_limit_of_one_actor_holds_for_the_others(make_asker: MakeAsker) -> None:
    async with serving(limit) as server:
        asker, other = (make_asker(**at(server, "chessdb")) for _ in range(2))
        assert await asker.ask() == ""
        assert seconds(39) < asker.limits.wait("online.chessdb") <= seconds(40.1)
        other.limits.merge(asker.limits.export())
        assert [await asker.ask(), await other.ask()] == ["", ""]
        assert (len(server.requests), asker.failures(), other.failures()) == (1, 1, 0)


async def test_an_actor_has_its_share_of_the_requests_of_the_bot(make_asker: MakeAsker) -> None:
    async with serving(answer) as server:
        asker = make_asker(**at(server, "chessdb"), requests_per_minute=11, games=4)
        found = [await asker.ask() for _ in range(4)]
        assert found == ["chessdb e2e4"] * 2 + [""] * 2
        assert asker.online._window_s == pytest.approx(60 * 2 / 2.75)
        rare = make_asker(**at(server, "chessdb"), requests_per_minute=1, games=4)
        assert [await rare.ask(), await rare.ask()] == ["chessdb e2e4", ""]
        assert rare.online._window_s == 240


@pytest.mark.parametrize(
    ("max_time_ms", "left", "longest_s"),
    [(100, None, 0.1), (10_000, seconds(2), 0.1), (100, seconds(3600), 0.1)],
    ids=["no clock", "a share of the clock", "the settings"],
)
async def test_all_sources_together_have_a_limit(
    max_time_ms: int, left: timedelta | None, longest_s: float, make_asker: MakeAsker
) -> None:
    async with serving(slow) as server:
        sources = at(server, "chessdb", "lichess_cloud")
        asker = make_asker(**sources, max_time_ms=max_time_ms, min_time_left_s=0)
        began_s = asyncio.get_running_loop().time()
        assert await asker.ask(left=left) == ""
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(longest_s, abs=0.08)
        assert len(server.requests) == 1


async def test_with_little_time_no_server_is_asked(make_asker: MakeAsker) -> None:
    async with serving(answer) as server:
        asker = make_asker(**at(server, "chessdb"), min_time_left_s=30)
        assert await asker.ask(left=seconds(29)) == ""
        assert await asker.ask(left=seconds(31)) == "chessdb e2e4"


async def test_a_server_that_does_not_exist_costs_nothing_but_a_warning(
    make_asker: MakeAsker,
) -> None:
    asker = make_asker(sources=["chessdb"], urls={"chessdb": "http://127.0.0.1:9"})
    assert await asker.ask() == ""
    assert asker.failures() == 1


async def test_a_proxy_that_cannot_be_used_is_a_failure(
    make_asker: MakeAsker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:9")
    asker = make_asker(sources=["chessdb"])
    assert await asker.ask() == ""
    assert asker.failures() == 1


async def test_the_token_goes_to_our_own_explorer_and_nowhere_else(
    make_asker: MakeAsker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate, key = write_certificate("127.0.0.1", tmp_path)
    for name in (*CA_VARIABLES, "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with AsyncExitStack() as stack:
        safe = await stack.enter_async_context(serving(answer, context))
        plain = await stack.enter_async_context(serving(answer))
        for lichess_url, server, source, has_token in (
            (safe.url, safe, "opening_explorer", True),
            (safe.url, safe, "chessdb", False),
            (safe.url, safe, "lichess_cloud", False),
            (safe.url, plain, "opening_explorer", False),
            ("https://lichess.org", safe, "opening_explorer", False),
            ("https://7.0.0.1", safe, "opening_explorer", False),
        ):
            asker = make_asker(lichess_url, **at(server, source))
            assert (await asker.ask()).startswith(source)
            headers = server.requests[-1].headers
            assert headers.get("authorization") == (f"Bearer {TOKEN}" if has_token else None)
            assert (TOKEN in str(headers)) == has_token


@pytest.mark.parametrize(
    ("source", "url", "has_token"),
    [
        ("opening_explorer", None, True),
        ("opening_explorer", "https://lichess.org", True),
        ("opening_explorer", "http://explorer.lichess.org", False),
        ("opening_explorer", "https://evil-lichess.org", False),
        ("opening_explorer", "https://explorer.lichess.org.evil.com", False),
        ("online_egtb", None, False),
        ("lichess_cloud", None, False),
        ("chessdb", None, False),
    ],
)
async def test_of_the_usual_servers_only_the_explorer_gets_the_token(
    source: str,
    url: str | None,
    has_token: bool,  # noqa: FBT001 -- both cases
    make_asker: MakeAsker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The servers themselves are out of reach, so the request is looked at on its way."""
    sent: list[dict[str, str]] = []

    class Session:
        def get(self, _address: URL, *, headers: dict[str, str], **_: object) -> NoReturn:
            sent.append(headers)
            raise OSError

        async def close(self) -> None:
            pass

    monkeypatch.setattr(online_sources, "open_session", lambda _url: Session())
    urls = {source: url} if url else {}
    asker = make_asker("https://lichess.org", sources=[source], urls=urls)
    assert await asker.ask(ENDING) == ""
    assert ["Authorization" in headers for headers in sent] == [has_token]
