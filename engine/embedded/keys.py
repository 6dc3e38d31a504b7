"""The random numbers behind a position's hash key (after Zobrist).

A key is the exclusive or of one number for each fact about a position, so a move changes it by a
few operations. The numbers have 61 bits and are the same in every process.
"""


def _random_keys(count: int) -> list[int]:
    """Draws 61-bit numbers by splitmix64 from a fixed seed: the same keys in every process."""
    state, mask, keys = 0x6372_6162, (1 << 64) - 1, []
    for _ in range(count):
        state = (state + 0x9E37_79B9_7F4A_7C15) & mask
        mixed = ((state ^ (state >> 30)) * 0xBF58_476D_1CE4_E5B9) & mask
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D0_49BB_1331_11EB) & mask
        keys.append((mixed ^ (mixed >> 31)) >> 3)
    return keys


_KEYS = _random_keys(16 * 64 + 15 + 63 + 1)
PIECE_KEYS = [_KEYS[piece * 64 : piece * 64 + 64] for piece in range(16)]
"""By piece and square."""
RIGHTS_KEYS = [0, *_KEYS[1024:1039]]
"""By castling rights; none are 0."""
EN_PASSANT_KEYS = [0, *_KEYS[1039:1102]]
"""By en passant square; none is 0."""
TURN_KEY = _KEYS[1102]
"""Set when Black is to move."""
