"""The image is built, and plays in containers as its manifests say: nothing here is simulated.

Beside podman it needs a Debian, whose files make the base image; see `base`.
"""

import json
import shutil
import subprocess
import sys
from typing import Any

import pytest

from crabstick.errors import EnvironmentProblem
from crabstick.sandbox.accounts import default_accounts
from tests.containers.__main__ import UNABLE
from tests.containers.story import BOT, GAMES
from tests.containers.wheels import ROOT, fetch_wheels

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.long,
    pytest.mark.timeout(2400),
    pytest.mark.skipif(shutil.which("podman") is None, reason="no podman on this machine"),
]

Facts = dict[str, Any]


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    folder = tmp_path_factory.mktemp("containers")
    try:
        wheels = fetch_wheels(folder / "wheels")
    except EnvironmentProblem as problem:
        pytest.skip(str(problem))
    out = folder / "facts.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.containers", str(out), str(wheels)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    facts = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    if done.returncode == UNABLE:
        pytest.skip(f"podman cannot run containers here: {facts['unable']}")
    assert done.returncode == 0, done.stderr[-5000:]
    return dict(facts)


def test_every_game_is_won_on_the_board(facts: Facts) -> None:
    games = facts["games"].values()
    assert facts["results"] == ["mate"] * GAMES
    assert [game[game["winner"]] for game in games] == [BOT] * GAMES


def test_the_games_of_a_container_that_gets_a_sigterm_are_handed_over(facts: Facts) -> None:
    assert facts["had"] >= 1
    assert facts["handovers"] >= facts["had"]
    assert facts["takeovers"] == 0
    assert facts["refused"] == [], "two played at once"
    assert facts["stopped"] not in {row["node"] for row in facts["after"].values()}


def test_a_container_ends_by_itself_when_its_games_have_left(facts: Facts) -> None:
    """SIGKILL would come after its whole grace period, and show in the exit status."""
    assert facts["exit_status"] != 137


def test_no_process_is_root(facts: Facts) -> None:
    processes = facts["processes"]
    assert set(processes) == {"head", "game1", "game2", "keeper"}
    assert {user for found in processes.values() for user, _ in found} == {1000}


def test_without_the_cluster_token_no_job_is_taken(facts: Facts) -> None:
    assert "nauthorized" in facts["uninvited"] or "401" in facts["uninvited"]


def test_the_bots_token_is_in_no_process_list(facts: Facts) -> None:
    shown = json.dumps(facts["processes"])
    assert "raylet" in shown
    assert default_accounts().token_of(BOT) not in shown
