"""`crabstick init` asks in a terminal, and takes flags and defaults without one."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from crabstick.sandbox.testing import RunningSandbox, running
from crabstick.settings import Settings, load_settings
from tests.e2e.commands import variables

pytestmark = pytest.mark.e2e

ENGINE = f"""#!{sys.executable}
import sys
for line in sys.stdin:
    if line.startswith("uci\\n"):
        print("id name Pinch\\nuciok", flush=True)
    if line.startswith("isready"):
        print("readyok", flush=True)
    if line.startswith("go"):
        print("bestmove e2e4", flush=True)
    if line.startswith("quit"):
        break
"""


@pytest.fixture
def lichess() -> Iterator[RunningSandbox]:
    with running() as sandbox:
        yield sandbox


@pytest.fixture
def engine(folder: Path) -> Path:
    path = folder / "my engine"
    path.write_text(ENGINE)
    path.chmod(0o755)
    return path


def init(folder: Path, *arguments: str, typed: str | None = None, command: str = "init") -> str:
    """Runs the command; returns its status and what it said. Without `typed` it has no terminal."""
    keyboard, terminal = pty.openpty()
    if typed is not None:
        os.write(keyboard, typed.encode())
    done = subprocess.run(
        [sys.executable, "-m", "crabstick", command, *arguments],
        cwd=folder,
        env=variables(folder),
        stdin=subprocess.DEVNULL if typed is None else terminal,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    os.close(keyboard)
    os.close(terminal)
    return f"{done.returncode} {done.stdout}{done.stderr}"


def test_without_a_terminal_the_defaults_are_written_and_checked(
    lichess: RunningSandbox, folder: Path
) -> None:
    assert init(folder).startswith("0 crabstick.yaml is written")
    file = folder / "crabstick.yaml"
    assert load_settings(file) == Settings()
    assert file.read_text().count("#") > 5
    with file.open("a") as more:
        more.write(f"lichess: {{url: '{lichess.url}', token_file: token}}\n")
    file.write_text(file.read_text().replace("\nlichess:\n", "\n", 1))
    (folder / "token").write_text(lichess.token("crabstick"))
    assert init(folder, command="check").startswith("0 ")


def test_flags_answer_all_six_questions(folder: Path, engine: Path) -> None:
    (folder / "secret").write_text("lip_token")
    flags = {
        "--token-file": "secret",
        "--engine": f"./{engine.name}",
        "--play": "standard chess960, 3+2 rapid",
        "--opponents": "humans",
        "--max-games": "2",
        "--matchmaking": "yes",
        "--config": "bot/mine.yaml",
    }
    said = init(folder, *(word for pair in flags.items() for word in pair), typed="")
    assert said == "0 bot/mine.yaml is written; `crabstick check` looks at the token, too\n"
    assert yaml.safe_load((folder / "bot" / "mine.yaml").read_text()) == {
        "lichess": {"token_file": str(folder / "secret")},
        "engine": {"kind": "uci", "path": str(engine)},
        "challenges": {
            "variants": ["standard", "chess960"],
            "time_controls": ["3+2", "rapid"],
            "human": {},
            "bot": {"modes": []},
            "max_games": 2,
        },
        "matchmaking": {
            "enabled": True,
            "types": {"blitz": {"variant": "standard", "clock": "3+2", "rated": True}},
        },
    }


def test_a_terminal_is_asked_until_each_answer_is_right(folder: Path, engine: Path) -> None:
    answers = ["lip_mine", "login", "gone", f"{engine}", "atomic", "standard", "all", "bots"]
    said = init(folder, typed="\n".join([*answers, "0", "3", "perhaps", ""]) + "\n")
    for sentence in (
        "must be the path of a file that holds the token, not the token itself",
        "there is no engine 'gone'",
        "does not play it: add a variant that it plays",
        "'all' is not known: write humans, bots or both",
        "challenges.max_games is 0; it must be a whole number from 1 to 1000",
        "matchmaking.enabled is 'perhaps'; it must be true or false",
    ):
        assert said.count(sentence) == 1, said
    settings = load_settings(folder / "crabstick.yaml")
    assert str(settings.engine.path) == str(engine)
    assert settings.challenges.human.modes == frozenset()  # type: ignore[attr-defined]
    assert (settings.challenges.max_games, settings.matchmaking.enabled) == (3, False)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--max-games", "many"], "challenges.max_games is 'many'; it must be a whole number"),
        (["--play", "atomicc"], "challenges.time_controls[0] is 'atomicc'; it must be"),
        (["--token-file", "gone"], "there is no such file"),
        (["--opponents", "cats"], "'cats' is not known: write humans, bots or both"),
    ],
)
def test_a_wrong_flag_ends_with_one_sentence_and_no_file(
    folder: Path, flags: list[str], sentence: str
) -> None:
    said = init(folder, *flags)
    assert (said.startswith("2 crabstick: "), said.count("\n"), sentence in said) == (True, 1, True)
    assert list(folder.iterdir()) == []


def test_a_file_is_replaced_by_force_only(folder: Path) -> None:
    file = folder / "crabstick.yaml"
    file.write_text("mine")
    said = init(folder)
    assert said.startswith("2 crabstick: crabstick.yaml is there already: --force replaces it")
    assert file.read_text() == "mine"
    assert init(folder, "--force").startswith("0 ")
    assert load_settings(file) == Settings()


def test_no_answer_writes_nothing(folder: Path) -> None:
    said = init(folder, typed="login\n\x04")
    assert said.startswith("1 ")
    assert said.endswith("crabstick: there was no answer, so nothing changed\n")
    assert list(folder.iterdir()) == []
