"""Keeps Python's garbage collector away from what an actor keeps for good."""

import gc

__all__ = ["freeze_gc"]


def freeze_gc() -> None:
    """Lets the collector look no more at what is here now; for an actor that is warm.

    Ray now and then has all its workers collect at the same moment (seen while an actor waits for
    a slot); for the modules alone that takes 50 ms each, in which nobody moves.
    """
    gc.collect()
    gc.freeze()
