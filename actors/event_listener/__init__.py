"""The EventListener: holds the account's only event stream and answers challenges.

With a handle, a process of another version of crabstick imports the class by the path
`actors.event_listener.EventListener` (see `actors.class_path`), so that path stays. The class
loads on demand, because other modules of this package are imported without it.
"""


def __getattr__(name: str) -> type:
    if name != "EventListener":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from actors.event_listener.event_listener import EventListener

    return EventListener
