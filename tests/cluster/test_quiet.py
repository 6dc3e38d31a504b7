"""Ray's messages about dead workers stay in its logs, and off the terminal."""

import os
import subprocess
import sys
from pathlib import Path

from tests.cluster.local_bot import LocalBot

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120
DRIVER = """
import os, sys
import ray
from actors.ops.connect import connect, disconnect

connect(sys.argv[1], "quiet")

@ray.remote(num_cpus=0, max_retries=1)
def die_once(mark):
    if not os.path.exists(mark):
        open(mark, "w").close()
        os._exit(1)

ray.get(die_once.remote(sys.argv[2]))
try:
    ray.get(die_once.options(max_retries=0).remote(sys.argv[2] + "x"))
except ray.exceptions.WorkerCrashedError:
    print("it died")
disconnect()
"""


def test_what_raylets_report_does_not_reach_the_terminal(bot: LocalBot, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, bot.ray.address, str(tmp_path / "mark")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert done.stdout == "it died\n"
