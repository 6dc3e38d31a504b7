"""The WorkerSet: knows all games and all EngineActors, and gives every game exactly one actor.

Each handle names its class: `actors.worker_set.WorkerSet`. Processes of other versions of
crabstick import the class by that path, so the path stays. The class loads on demand, because other
modules of this package are imported without it.
"""


def __getattr__(name: str) -> type:
    if name != "WorkerSet":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from actors.worker_set.worker_set import WorkerSet  # noqa: PLC0415 -- on demand

    return WorkerSet
