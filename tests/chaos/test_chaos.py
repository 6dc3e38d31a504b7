"""A short run of the harness: a quick fault of each part, and no game is lost.

`make chaos` has the long one, with every kind of fault; tests/cluster kills engines and actors.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.chaos.fault_kinds import FAULT_KINDS, SHORT_RUN
from tests.chaos.injectors import INJECTORS

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

ROOT: Final = Path(__file__).parents[2]
LIMIT_S: Final = 840
SEED: Final = 1
GAMES: Final = 4


def test_every_kind_of_fault_can_be_injected() -> None:
    assert set(INJECTORS) == {kind.name for kind in FAULT_KINDS}


def test_no_game_is_lost_whatever_is_broken() -> None:
    arguments = ["--short", "--faults", len(SHORT_RUN), "--games", GAMES, "--seed", SEED]
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos", *map(str, arguments), "--minutes", "6"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = child.communicate(timeout=LIMIT_S)
    except BaseException:
        child.send_signal(signal.SIGINT)  # it ends everything that it started
        child.wait()
        raise
    assert child.returncode == 0, output
    assert "games lost: 0" in output
