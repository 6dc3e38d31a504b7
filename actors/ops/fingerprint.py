"""Identifies the code and settings of a bot; `up` replaces managers whose fingerprint differs."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from actors.messages import ActorConfig
from crabstick import __version__
from crabstick.settings import Settings

CODE_ROOT: Final = Path(__file__).parents[2]
"""The folder of the three packages."""
BOT_CODE: Final = (
    "actors/*.py",
    "actors/engine_actor/*.py",
    "actors/event_listener/*.py",
    "actors/http/*.py",
    "actors/ops/shutdown.py",
    "actors/worker_set/*.py",
    "crabstick/asyncio_tools.py",
    "crabstick/environment.py",
    "crabstick/errors.py",
    "crabstick/explain.py",
    "crabstick/list_sources.py",
    "crabstick/read_text.py",
    "crabstick/state_file.py",
    "crabstick/game/*.py",
    "crabstick/lichess/*.py",
    "crabstick/rules/*.py",
    "crabstick/settings/*.py",
    "crabstick/telemetry/*.py",
    "engine/*.py",
)
"""The code of a bot's actors, without commands, sandbox, checks and the local Ray cluster."""
TOOLS: Final = frozenset(
    {"crabstick/rules/oauth.py", "crabstick/settings/changes.py", "engine/fake.py"}
)
"""Code of commands and tests beside that of a bot."""


def bot_code(root: Path = CODE_ROOT) -> Iterator[Path]:
    """The files that run in a bot, in a fixed order, relative to `root`."""
    found = {path.relative_to(root) for pattern in BOT_CODE for path in root.glob(pattern)}
    return (path for path in sorted(found) if path.as_posix() not in TOOLS)


def fingerprint(
    settings: Settings, bot: str, lacks: Mapping[str, object] = {}, root: Path = CODE_ROOT
) -> str:
    """Returns twelve hexadecimal digits that stand for code, account, settings and engine."""
    code = hashlib.sha256(__version__.encode())
    for path in bot_code(root):
        code.update(path.as_posix().encode() + (root / path).read_bytes())
    whole = hashlib.sha256(
        f"{code.hexdigest()} {bot} {settings.fingerprint()} {sorted(lacks.items())}".encode()
    )
    return whole.hexdigest()[:12]


def actor_config(
    settings: Settings, bot: str, lacks: Mapping[str, Sequence[str]] = {}
) -> ActorConfig:
    """The config of every actor of this bot; each gets its own `name`.

    `lacks` are the variants that an engine does not play, by the engine's name.
    """
    return ActorConfig(
        name="",
        namespace=settings.cluster.namespace,
        bot=bot,
        fingerprint=fingerprint(settings, bot, lacks),
        settings=settings.to_message(),
        lacks=lacks,
    )
