"""The EngineActor: plays one game on a Ray worker."""

from actors.engine_actor.engine_actor import EngineActor

__all__ = ["EngineActor"]
