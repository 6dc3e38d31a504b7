"""The EventListener: holds the account's only event stream and answers challenges.

Each handle names its class: `actors.event_listener.EventListener`. Processes of other versions of
crabstick import the class by that path, so the path stays. The class loads on demand, because other
modules of this package are imported without it.
"""


def __getattr__(name: str) -> type:
    if name != "EventListener":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from actors.event_listener.event_listener import EventListener  # noqa: PLC0415 -- on demand

    return EventListener
