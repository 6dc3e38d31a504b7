"""How our actors are called in Ray. A name is for life: what an actor plays is what it answers."""

from crabstick.rules.model import ActorName

__all__ = ["EVENT_LISTENER", "WORKER_SET", "engine_actor_name", "serial_of"]

WORKER_SET = "worker-set"
EVENT_LISTENER = "event-listener"
_ENGINE_PREFIX = "engine:"


def engine_actor_name(serial: str) -> ActorName:
    """`engine:<serial>`; serials are never used twice in one namespace."""
    return ActorName(f"{_ENGINE_PREFIX}{serial}")


def serial_of(name: str) -> str | None:
    """The serial of an EngineActor's name, None for any other actor."""
    return name.removeprefix(_ENGINE_PREFIX) if name.startswith(_ENGINE_PREFIX) else None
