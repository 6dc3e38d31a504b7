"""Keeps Python's garbage collector away from an actor's permanent objects."""

import gc


def freeze_gc() -> None:
    """Excludes all present objects from further collections; for an actor that is warm.

    Ray sometimes makes all its workers collect at the same moment (seen while an actor waits for a
    slot). For the modules alone that takes 50 ms each, in which no actor moves.
    """
    gc.collect()
    gc.freeze()
