"""The EngineActor plays one game after another on a Ray worker.

With a handle, a process of another version of crabstick imports the class by the path
`actors.engine_actor.EngineActor` (see `actors.class_path`), so that path stays. The class
loads on demand, because other modules of this package are imported without it.
"""


def __getattr__(name: str) -> type:
    if name != "EngineActor":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from actors.engine_actor.engine_actor import EngineActor

    return EngineActor
