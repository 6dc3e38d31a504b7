import subprocess
import sys

import pytest


def test_an_engine_actor_imports_no_reader_of_sources_that_it_may_not_have() -> None:
    code = """
import sys, actors.engine_actor.engine_actor
lazy = {"crabstick.game.online_sources", "chess.gaviota", "chess.syzygy", "chess.polyglot"}
print(lazy & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "set()"


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
