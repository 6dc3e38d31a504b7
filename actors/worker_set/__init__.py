"""The WorkerSet: knows all games and all EngineActors, and gives every game exactly one actor.

With a handle, a process of another version of crabstick imports the class by the path
`actors.worker_set.WorkerSet` (see `actors.class_path`), so that path stays. The class
loads on demand, because other modules of this package are imported without it.
"""


def __getattr__(name: str) -> type:
    if name != "WorkerSet":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from actors.worker_set.worker_set import WorkerSet

    return WorkerSet
