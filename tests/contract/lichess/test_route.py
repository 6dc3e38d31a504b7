"""All clients of Lichess trust the same certificates, read the same proxies, and no `~/.netrc`."""

import shutil
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
import stamina
from pydantic import SecretStr

from crabstick.errors import ConfigError, LichessError
from crabstick.lichess.account_client import open_lichess
from crabstick.lichess.game_client import open_games
from crabstick.lichess.route import CA_VARIABLES
from crabstick.rules.lichess_types import GameId, Posted
from tests.contract.lichess.asker import Asker
from tests.contract.lichess.tiny_server import Exchange, TinyServer, serving
from tests.kube.certificate import write_certificate

TOKEN = SecretStr("lip_verysecret")
HASHED = "62d3b11c.0"
"""Where OpenSSL looks in a folder for the certificate that `write_certificate` makes."""
CRABBY = {"id": "crabby", "username": "crabby", "title": "BOT"}


async def _account(url: str) -> bool:
    lichess = open_lichess(url, TOKEN, "crabby")
    try:
        return (await lichess.account()).name == "crabby"
    except LichessError:
        return False
    finally:
        await lichess.close()


async def _event_stream(url: str) -> bool:
    lichess = open_lichess(url, TOKEN, "crabby")
    try:
        async with aclosing(lichess.events()) as events:
            return await anext(events) is None
    except LichessError:
        return False
    finally:
        await lichess.close()


async def _move(url: str) -> bool:
    games = open_games(url, TOKEN, "crabby")
    outcome = await games.game(GameId("abcdefgh")).move("e2e4")
    await games.close()
    return outcome == Posted()


async def _resignation(url: str) -> bool:
    games = open_games(url, TOKEN, "crabby")
    outcome = await games.game(GameId("abcdefgh")).resign()
    await games.close()
    return outcome == Posted()


async def _source_of_moves(url: str) -> bool:
    asker = Asker(sources=["chessdb"], urls={"chessdb": url})
    await asker.ask()
    await asker.close()
    return not asker.failures()


Client = Callable[[str], Awaitable[bool]]
LICHESS: tuple[Client, ...] = (_account, _event_stream, _move, _resignation)
every_client = pytest.mark.parametrize("client", LICHESS)
every_route = pytest.mark.parametrize("client", [*LICHESS, _source_of_moves])


@pytest.fixture(autouse=True)
def _a_bare_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (*CA_VARIABLES, "http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("LICHESS_BOT_TOKEN", TOKEN.get_secret_value())
    with stamina.set_testing(True, attempts=1):
        yield


async def _answer(exchange: Exchange) -> None:
    if "stream" in exchange.path:
        await exchange.start_stream()
        await exchange.chunk(b"\n")
    else:
        await exchange.respond(200, CRABBY)


@asynccontextmanager
async def _private_lichess(folder: Path) -> AsyncGenerator[tuple[TinyServer, Path], None]:
    """A server whose certificate only its own authority knows, and that authority's file."""
    certificate, key = write_certificate("127.0.0.1", folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with serving(_answer, context) as server:
        yield server, certificate


@every_route
async def test_a_private_authority_is_trusted_by_each_variable_and_by_every_client(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with _private_lichess(tmp_path) as (lichess, certificate):
        assert not await client(lichess.url)
        shutil.copy(certificate, tmp_path / HASHED)
        for variable in CA_VARIABLES:
            with monkeypatch.context() as patch:
                is_folder = variable == "SSL_CERT_DIR"
                patch.setenv(variable, str(tmp_path if is_folder else certificate))
                assert await client(lichess.url), variable


@every_route
async def test_no_client_takes_a_proxy_to_this_machine(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with serving(_answer) as lichess:
        assert await client(lichess.url)
        assert await client(lichess.url.replace("127.0.0.1", "localhost"))


@every_route
@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
async def test_every_client_takes_the_same_proxy(
    client: Client, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(_answer) as proxy:
        monkeypatch.setenv(variable, proxy.url.removeprefix("http://"))
        assert await client("http://lichess.invalid")


@every_client
async def test_a_socks_proxy_is_refused_in_a_sentence(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("all_proxy", "socks5://me:secret@127.0.0.1:9")
    with pytest.raises(ConfigError, match=r"^the socks5:// proxy for http://lich") as caught:
        await client("http://lichess.invalid")
    assert "secret" not in str(caught.value)


@every_client
async def test_no_client_reads_netrc(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password other", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with serving(_answer) as lichess:
        assert await client(lichess.url)
    assert [each.headers["authorization"] for each in lichess.requests] == [
        f"Bearer {TOKEN.get_secret_value()}"
    ]


@every_client
@pytest.mark.parametrize("content", [None, "text"])
async def test_a_variable_that_names_no_certificates_is_told(
    client: Client, content: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "ca.pem"
    if content:
        bundle.write_text(content, encoding="utf-8")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with pytest.raises(ConfigError, match=f"_BUNDLE is {bundle}, which holds no certificates"):
        await client("https://127.0.0.1:9")
