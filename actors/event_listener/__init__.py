"""The EventListener: holds the account's only event stream and answers challenges."""

from actors.event_listener.event_listener import EventListener

__all__ = ["EventListener"]
