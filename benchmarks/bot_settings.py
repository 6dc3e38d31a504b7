"""The bot that is measured: its settings, and an engine whose time is known."""

import shlex
import sys
from datetime import timedelta
from pathlib import Path

from actors.local_ray.ports import free_port
from crabstick.settings import Settings

BOT = "crabstick"
NAMESPACE = "crabstick-bench"


def bot_settings(
    url: str, engine: Path, clock: tuple[timedelta, timedelta], *, games: int, standby: int
) -> Settings:
    """A bot for that many games at once, with `clock` as initial time and increment."""
    limit, increment = clock
    return Settings.model_validate(
        {
            "lichess": {"url": url},
            "engine": {"kind": "uci", "path": str(engine)},
            "challenges": {
                "max_games": games,
                "max_initial_s": int(limit.total_seconds()),
                "max_increment_s": int(increment.total_seconds()),
            },
            "cluster": {"standby": standby, "namespace": NAMESPACE, "slot_memory_mb": 64},
            "http": {"port": free_port()},
        }
    )


def engine_program(folder: Path, *arguments: str) -> Path:
    """`engine.fake` with these arguments as a program: settings name an engine by a path alone."""
    program = folder / "engine"
    command = shlex.join([sys.executable, "-m", "engine.fake", *arguments])
    program.write_text(f"#!/bin/sh\nexec {command}\n", encoding="utf-8")
    program.chmod(0o755)
    return program
