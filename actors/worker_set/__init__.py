"""The WorkerSet: knows all games and all EngineActors, and gives every game exactly one actor."""

from actors.worker_set.worker_set import WorkerSet

__all__ = ["WorkerSet"]
