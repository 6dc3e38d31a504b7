"""The EngineActor: plays one game on a Ray worker.

Each handle names its class: `actors.engine_actor.EngineActor`. Processes of other versions of
crabstick import the class by that path, so the path stays. The class loads on demand, because other
modules of this package are imported without it.
"""


def __getattr__(name: str) -> type:
    if name != "EngineActor":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from actors.engine_actor.engine_actor import EngineActor  # noqa: PLC0415 -- on demand

    return EngineActor
