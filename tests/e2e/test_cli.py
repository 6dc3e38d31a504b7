"""Usage errors and unfit machines: one sentence with the fix, and nothing left behind."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psutil
import pytest
import requests

from crabstick.sandbox.accounts import Accounts, SandboxAccount
from crabstick.sandbox.testing import RunningSandbox, running

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
SCOPES, OTHER_SCOPES = "bot:play challenge:read", "preference:read"
ACCOUNTS = [
    SandboxAccount(
        name="crabstick",
        title="BOT",
        tokens={"good": SCOPES, "poor": OTHER_SCOPES},
    ),
    SandboxAccount(name="human", tokens={"human": SCOPES, "wrong_scope": OTHER_SCOPES}),
]
USAGE, ENVIRONMENT = 2, 1


@pytest.fixture(scope="module")
def lichess() -> Iterator[RunningSandbox]:
    with running(Accounts(ACCOUNTS)) as sandbox:
        yield sandbox


def run(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """The program, in an empty folder, with nothing of ours in the environment but `variables`."""
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("CRABSTICK", "RAY_", "LICHESS"))
    }
    return subprocess.run(
        [sys.executable, "-m", "crabstick", *arguments],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def refused(done: subprocess.CompletedProcess[str], status: int, words: str) -> None:
    """One sentence on standard error, with the words that help, and the status."""
    assert "Traceback" not in done.stderr
    assert re.search(words, done.stderr), done.stderr
    assert (done.returncode, done.stderr.count("\n")) == (status, 1), done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("challenges: {max_game: 3}", r"challenges\.max_game .*did you mean challenges\.max_games"),
        ("http: [", r"crabstick\.yaml"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "crabstick.yaml").write_text(text, encoding="utf-8")
    refused(run("check", folder=tmp_path), USAGE, words)


def test_settings_in_a_file_with_a_similar_name_are_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "crabstick.yml").touch()
    words = r"crabstick\.yml is not read: rename it to crabstick\.yaml"
    refused(run("status", folder=tmp_path), USAGE, words)


def test_a_user_without_a_home_is_told_to_set_one(tmp_path: Path) -> None:
    refused(run("status", folder=tmp_path, HOME="relative"), ENVIRONMENT, "set HOME")


def test_files_in_the_folder_one_stands_in_are_not_taken_for_modules(
    lichess: RunningSandbox, tmp_path: Path
) -> None:
    for name in ("actors", "chess", "engine", "pydantic", "rich"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('run')", encoding="utf-8")
    done = run("check", folder=tmp_path, **environment(lichess))
    assert (done.returncode, "plays" in done.stdout) == (0, True), done.stderr


def test_without_a_token_its_variable_is_named(tmp_path: Path) -> None:
    refused(run("up", folder=tmp_path), USAGE, "LICHESS_BOT_TOKEN")


@pytest.mark.parametrize(
    ("token", "status", "words"),
    [
        ("stranger", USAGE, "does not know the Lichess token"),
        ("human", ENVIRONMENT, "upgrade-account"),
        ("wrong_scope", USAGE, "lacks the scope bot:play.*upgrade-account"),
    ],
)
def test_an_unfit_token_is_explained(
    lichess: RunningSandbox, tmp_path: Path, token: str, status: int, words: str
) -> None:
    done = run("up", folder=tmp_path, LICHESS_BOT_TOKEN=token, CRABSTICK__LICHESS__URL=lichess.url)
    refused(done, status, words)
    assert token not in done.stderr.replace("human is not", "")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_text("#!/bin/sh\n"), "not executable|may not be run|chmod"),
        (lambda path: _script(path, "exit 0"), "UCI"),
    ],
)
def test_an_unfit_engine_is_explained(
    lichess: RunningSandbox, tmp_path: Path, make: object, words: str
) -> None:
    engine = tmp_path / "engine"
    assert callable(make)
    make(engine)
    text = f"engine: {{kind: uci, path: {engine}}}\nlichess: {{url: '{lichess.url}'}}\n"
    (tmp_path / "crabstick.yaml").write_text(text, encoding="utf-8")
    refused(run("check", folder=tmp_path, LICHESS_BOT_TOKEN="good"), USAGE, words)


def _script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)


def environment(lichess: RunningSandbox, **more: str) -> dict[str, str]:
    return {"LICHESS_BOT_TOKEN": "good", "CRABSTICK__LICHESS__URL": lichess.url, **more}


@pytest.mark.parametrize("command", ["up", "check"])
def test_a_port_that_is_taken_is_named_before_anything_starts(
    lichess: RunningSandbox, tmp_path: Path, command: str
) -> None:
    port = lichess.url.rpartition(":")[2]
    variables = environment(lichess, CRABSTICK__HTTP__PORT=port)
    done = run(command, folder=tmp_path, **variables)
    refused(done, ENVIRONMENT, f"port {port} on .* is in use.*http.port")
    assert not [p for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in str(p.info)]


@pytest.mark.parametrize(("command", "host"), [("up", "203.0.113.7"), ("check", "a..b")])
def test_a_host_that_is_not_of_this_machine_is_named(
    lichess: RunningSandbox, tmp_path: Path, command: str, host: str
) -> None:
    done = run(command, folder=tmp_path, **environment(lichess, CRABSTICK__HTTP__HOST=host))
    refused(done, ENVIRONMENT, f"http.host is {host}, which is no address of this machine")


class Livez(BaseHTTPRequestHandler):
    """What a running bot answers."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"ok":true}')

    def log_message(self, *_: object) -> None: ...


def test_a_port_of_the_running_bot_is_fine(lichess: RunningSandbox, tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), Livez) as bot:
        threading.Thread(target=bot.serve_forever, daemon=True).start()
        variables = environment(lichess, CRABSTICK__HTTP__PORT=str(bot.server_port))
        done = run("check", folder=tmp_path, **variables)
        bot.shutdown()
    assert (done.returncode, done.stderr) == (0, "")
    assert f"HTTP: a bot serves port {bot.server_port}" in done.stdout


@pytest.mark.parametrize("command", ["up", "status"])
def test_an_address_without_ray_is_named(
    lichess: RunningSandbox, tmp_path: Path, command: str
) -> None:
    done = run(
        *command.split(),
        "--address",
        "127.0.0.1:1",
        folder=tmp_path,
        LICHESS_BOT_TOKEN="good",
        CRABSTICK__LICHESS__URL=lichess.url,
    )
    refused(done, ENVIRONMENT, r"no Ray answers at 127\.0\.0\.1:1")


@pytest.mark.parametrize("command", ["status", "down"])
def test_a_missing_bot_is_named(tmp_path: Path, command: str) -> None:
    refused(run(*command.split(), folder=tmp_path), ENVIRONMENT, "no bot")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("demo --clock abc", "--clock abc"),
        ("up --address h:0", "--address is 'h:0'"),
        ("status --config nowhere.yaml", "nowhere.yaml"),
        ("drain x --config nowhere.yaml", "nowhere.yaml"),
    ],
)
def test_a_usage_error_comes_before_ray_is_imported(
    tmp_path: Path, command: str, words: str
) -> None:
    code = "import sys; from crabstick.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code, *command.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == USAGE
    assert words in done.stderr
    assert re.search(r"\| +ray\b", done.stderr) is None


def test_the_sandbox_ends_with_its_parent(tmp_path: Path) -> None:
    arguments = ["sandbox", "--port", "0", "--opponents", "1", "--until-stdin-ends"]
    with subprocess.Popen(
        [sys.executable, "-m", "crabstick", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        while "will be challenged by sparring1 (60+1 s" not in child.stdout.readline():
            assert child.poll() is None
        child.stdin.close()
        assert child.wait(timeout=10) == 0


@pytest.mark.parametrize(
    ("ignored", "heeded"), [("HUP", "SIGTERM"), ("INT", "SIGTERM"), ("TERM", "SIGINT")]
)
def test_a_signal_that_is_ignored_at_the_start_ends_nothing(
    tmp_path: Path, ignored: str, heeded: str
) -> None:
    script = f"trap '' {ignored}; exec \"$0\" -m crabstick sandbox --port 0"
    with subprocess.Popen(
        ["/bin/sh", "-c", script, sys.executable],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        url = child.stdout.readline().split()[-1]
        child.send_signal(signal.Signals[f"SIG{ignored}"])
        assert requests.get(f"{url}/api/users/status?ids=crabstick", timeout=10).ok
        child.send_signal(signal.Signals[heeded])
        assert child.wait(timeout=10) == 0


@pytest.mark.parametrize("stream", ["> /dev/full", ">&-", "2>&- >&-", "| true"])
def test_output_that_nobody_gets_changes_no_status(tmp_path: Path, stream: str) -> None:
    for words, status in (("version", 0), ("status --json", ENVIRONMENT), ("upp", USAGE)):
        script = f'set -o pipefail; "$0" -m crabstick {words} {stream}'
        done = subprocess.run(
            ["/bin/bash", "-c", script, sys.executable],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == status
        assert done.stderr.count("\n") <= 1, done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_what_cannot_be_encoded_is_replaced(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "…\udcff.yaml"
    file.write_text("a: 1", encoding="utf-8")
    done = run("check", "--config", str(file), folder=tmp_path, PYTHONIOENCODING=encoding)
    refused(done, USAGE, r"\?\?\.yaml: a is not a known key")


def test_words_that_look_like_markup_are_printed_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "a[/b]:crab:"
    folder.mkdir(parents=True)
    (folder / "crabstick.yaml").touch()
    done = run("up", folder=folder)
    assert done.stdout == f"settings: {folder}/crabstick.yaml\n"


def test_a_table_that_goes_through_a_pipe_is_not_cut(tmp_path: Path) -> None:
    code = """
from rich.table import Table
from crabstick.cli import console
table = Table("x" * 60, "y" * 60, box=None)
console.print(table)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["x" * 60, "y" * 60]
