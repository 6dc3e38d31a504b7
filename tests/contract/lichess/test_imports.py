import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["game_client", "interface", "game_parser"])
def test_what_an_engine_actor_imports_does_not_bring_berserk(module: str) -> None:
    code = f"""
import sys, crabstick.lichess.{module}
print({{"berserk", "stamina"}} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "set()"
