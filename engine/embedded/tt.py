"""The transposition table: what the search already knows about positions it meets again.

Two flat arrays of 64-bit numbers, so that the memory is bounded by the `Hash` option from the start
and holds no Python object. A new entry always replaces the old one in its slot.
"""

from array import array

from engine.embedded.moves import MOVE_BITS

AT_MOST, AT_LEAST, EXACT = 1, 2, 3
"""What a stored score says about the true one."""

_BYTES_PER_SLOT = 16
_BOUND_SHIFT = MOVE_BITS
_DEPTH_SHIFT = _BOUND_SHIFT + 2
_SCORE_SHIFT = _DEPTH_SHIFT + 8
_SCORE_OFFSET = 1 << 16


def unpack_entry(entry: int) -> tuple[int, int, int]:
    """Splits an entry into depth, bound and score; its move is `entry & MOVE_MASK`."""
    return (
        entry >> _DEPTH_SHIFT & 0xFF,
        entry >> _BOUND_SHIFT & 3,
        (entry >> _SCORE_SHIFT) - _SCORE_OFFSET,
    )


class TranspositionTable:
    """A table of a fixed size.

    Args:
        megabytes: its memory; a change of size means a new table.
    """

    def __init__(self, megabytes: int) -> None:
        self._slots = max(1, megabytes * 1024 * 1024 // _BYTES_PER_SLOT)
        self._keys = array("Q", [0]) * self._slots
        self._entries = array("Q", [0]) * self._slots

    def probe(self, key: int) -> int:
        """Gives the entry of a position; 0 when there is none."""
        slot = key % self._slots
        return self._entries[slot] if self._keys[slot] == key else 0

    def store(self, key: int, move: int, depth: int, bound: int, score: int) -> None:
        """Remembers a position; depth 0 to 255, score between -65536 and 65535."""
        slot = key % self._slots
        self._keys[slot] = key
        self._entries[slot] = (
            move
            | bound << _BOUND_SHIFT
            | depth << _DEPTH_SHIFT
            | (score + _SCORE_OFFSET) << _SCORE_SHIFT
        )

    def clear(self) -> None:
        """Forgets everything."""
        self._keys = array("Q", [0]) * self._slots
        self._entries = array("Q", [0]) * self._slots
