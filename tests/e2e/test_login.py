"""`crabstick login` and `logout`, with a plain HTTP client as the browser."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from crabstick.sandbox.accounts import Accounts, SandboxAccount
from crabstick.sandbox.testing import RunningSandbox, running
from tests.e2e.commands import variables

pytestmark = pytest.mark.e2e


@pytest.fixture
def lichess() -> Iterator[RunningSandbox]:
    accounts = [SandboxAccount(name="crabby", title="BOT"), SandboxAccount(name="human")]
    with running(Accounts(accounts)) as sandbox:
        yield sandbox


def environment(folder: Path, lichess: RunningSandbox, **more: str) -> dict[str, str]:
    ours = {"XDG_CONFIG_HOME": str(folder / "config"), "CRABSTICK__LICHESS__URL": lichess.url}
    return variables(folder, **ours, **more)


class Login:
    """A running `crabstick login` that has printed its link."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.said: list[str] = []
        self.link = self.read_to(r"^http://.*/oauth\?.*")

    def read_to(self, pattern: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))
            if re.match(pattern, line):
                return self.said[-1]
        raise AssertionError(self.said)

    def end(self) -> tuple[int, str]:
        """The exit status, and all that was said."""
        assert self.process.stdout is not None
        self.said += self.process.stdout.read().splitlines()
        return self.process.wait(60), "\n".join(self.said)


@contextmanager
def login(
    folder: Path, environment: dict[str, str], *arguments: str, stdin: int = subprocess.DEVNULL
) -> Iterator[Login]:
    command = [sys.executable, "-m", "crabstick", "login", *arguments]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield Login(process)
        finally:
            process.kill()


def run(folder: Path, environment: dict[str, str], command: Sequence[str]) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "crabstick", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def browse(address: str) -> requests.Response:
    """As a browser does it, and by no proxy."""
    return requests.get(address, timeout=10)


def test_a_login_keeps_a_token_that_plays_until_the_logout(
    lichess: RunningSandbox, folder: Path
) -> None:
    mine = environment(folder, lichess)
    file = folder / "config" / "crabstick" / "token"
    with login(folder, mine) as going:
        assert browse(going.link).text == "Go back to the terminal.\n"
        status, said = going.end()
    assert (status, said.splitlines()[-1]) == (0, "logged in as crabby")
    token = file.read_text().strip()
    assert token.startswith("lio_")
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    bearer = lichess.accounts.bearer(token)
    assert bearer is not None
    assert (bearer.account.id, bearer.scope_text) == ("crabby", "bot:play")
    checked, found = run(folder, mine, ["check"])
    assert (checked, f"{lichess.url} knows crabby as a bot" in found) == (0, True), found
    ended, last = run(folder, mine, ["logout"])
    assert (ended, last) == (0, f"logged out: {lichess.url} does not know the token any more\n")
    assert lichess.accounts.bearer(token) is None
    assert list(file.parent.iterdir()) == []
    ended, again = run(folder, mine, ["logout"])
    assert (ended, again) == (0, f"nobody is logged in: there is no {file}\n")
    assert token not in said + found + last + again


def test_only_the_answer_to_its_own_link_ends_a_login(
    lichess: RunningSandbox, folder: Path
) -> None:
    with login(folder, environment(folder, lichess), "--tournaments") as going:
        query = parse_qs(urlsplit(going.link).query)
        assert query["scope"] == ["bot:play tournament:write"]
        home = query["redirect_uri"][0]
        assert home.startswith("http://127.0.0.1:")
        for other in ("favicon.ico", "?code=liu_x&state=guessed"):
            browse(home + other)
            going.read_to("this is not the answer to the link; open the link again")
        browse(f"{home}?error=access_denied&error_description=no+bot&state={query['state'][0]}")
        status, said = going.end()
    assert (status, said.splitlines()[-1]) == (1, "crabstick: Lichess gives no token: no bot")
    assert not (folder / "config").exists()


@pytest.mark.parametrize("is_whole", [True, False])
def test_over_ssh_the_address_or_the_code_in_it_is_pasted(
    lichess: RunningSandbox, folder: Path, *, is_whole: bool
) -> None:
    keyboard, terminal = pty.openpty()
    mine = environment(folder, lichess, LICHESS_BOT_TOKEN="another")
    with login(folder, mine, stdin=terminal) as going:
        os.close(terminal)
        going.read_to("if it is on another machine, paste here the address")
        os.write(keyboard, b"https://lichess.org/what\n")
        going.read_to("this is not the answer to the link")
        link = f"{going.link}&username=human"
        home = requests.get(link, allow_redirects=False, timeout=10).headers["Location"]
        code = parse_qs(urlsplit(home).query)["code"][0]
        os.write(keyboard, f"{home if is_whole else code}\n".encode())
        status, said = going.end()
    os.close(keyboard)
    assert status == 0, said
    assert said.splitlines()[-2:] == [
        "but LICHESS_BOT_TOKEN or lichess.token_file gives another, and comes first",
        "logged in as human, no BOT account yet: run `crabstick upgrade-account`",
    ]


def test_a_code_that_lichess_refuses_is_one_sentence(lichess: RunningSandbox, folder: Path) -> None:
    with login(folder, environment(folder, lichess)) as going:
        query = parse_qs(urlsplit(going.link).query)
        browse(f"{query['redirect_uri'][0]}?code=liu_late&state={query['state'][0]}")
        status, said = going.end()
    why = "authorization code invalid, expired or consumed"
    last = f"crabstick: Lichess refused the request to log in: {why}"
    assert (status, said.splitlines()[-1]) == (1, last)


def test_a_logout_without_lichess_keeps_the_file_and_with_a_revoked_token_does_not(
    lichess: RunningSandbox, folder: Path
) -> None:
    file = folder / "config" / "crabstick" / "token"
    file.parent.mkdir(parents=True)
    file.write_text("lio_revoked")
    away = environment(folder, lichess) | {"CRABSTICK__LICHESS__URL": "http://127.0.0.1:1"}
    status, said = run(folder, away, ["logout"])
    assert (status, "cannot be reached to log out" in said, file.exists()) == (1, True, True), said
    status, said = run(folder, environment(folder, lichess), ["logout"])
    assert (status, file.exists()) == (0, False), said
