"""The transposition table gives back what was stored, within its memory."""

from hypothesis import given
from hypothesis import strategies as st

from engine.embedded.moves import MOVE_MASK
from engine.embedded.tt import AT_LEAST, AT_MOST, EXACT, TranspositionTable, unpack_entry

KEY = 123_456_789


@given(
    st.integers(1, (1 << 61) - 1),
    st.integers(1, MOVE_MASK),
    st.integers(0, 255),
    st.sampled_from([AT_MOST, AT_LEAST, EXACT]),
    st.integers(-32_001, 32_001),
)
def test_a_stored_entry_comes_back_whole(
    key: int, move: int, depth: int, bound: int, score: int
) -> None:
    table = TranspositionTable(1)
    table.store(key, move, depth, bound, score)
    entry = table.probe(key)
    assert entry & MOVE_MASK == move
    assert unpack_entry(entry) == (depth, bound, score)


def test_an_unknown_position_has_no_entry() -> None:
    assert TranspositionTable(1).probe(KEY) == 0


def test_a_newer_position_takes_the_slot_of_an_older_one() -> None:
    table, rival = TranspositionTable(1), KEY + 65_536
    table.store(KEY, 1, 1, EXACT, 0)
    table.store(rival, 2, 1, EXACT, 0)
    assert table.probe(KEY) == 0
    assert table.probe(rival) & MOVE_MASK == 2


def test_a_cleared_table_knows_nothing() -> None:
    table = TranspositionTable(1)
    table.store(KEY, 1, 1, EXACT, 0)
    table.clear()
    assert table.probe(KEY) == 0
