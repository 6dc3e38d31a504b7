"""What actors are made with in these tests."""

from typing import Any

from actors.messages import ActorConfig
from crabstick.settings import Settings

BOT = "crabby"


def a_config(name: str = "worker-set", **sections: Any) -> ActorConfig:
    """A ActorConfig whose settings have these sections, and are Crabstick's own otherwise."""
    settings = Settings.model_validate(sections)
    return ActorConfig(
        name=name,
        namespace="tests",
        bot=BOT,
        fingerprint="0123456789ab",
        settings=settings.to_message(),
    )
