"""How many actors the resources of a node hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.cluster import slots_of
from crabstick.settings import ClusterSettings

GIB = float(2**30)


def a_slot(cpus: float, memory_mb: int = 64) -> ClusterSettings:
    return ClusterSettings(slot_cpus=cpus, slot_memory_mb=memory_mb)


@given(st.sampled_from([0.1, 0.2, 0.25, 0.5, 1]), st.integers(1, 16), st.data())
def test_what_is_left_of_decimal_fractions_is_counted_whole(
    cpus: float, count: int, data: st.DataObject
) -> None:
    taken = data.draw(st.integers(0, count))
    left = count * cpus
    for _ in range(taken):
        left -= cpus
    assert slots_of({"CPU": left, "memory": 16 * GIB}, a_slot(cpus)) == count - taken


@pytest.mark.parametrize(
    ("cpus", "memory", "slots"), [(0.99, GIB, 0), (9, GIB, 4), (9, GIB - 1, 3), (0, GIB, 0)]
)
def test_what_is_scarcest_counts(cpus: float, memory: float, slots: int) -> None:
    assert slots_of({"CPU": cpus, "memory": memory}, a_slot(1, 256)) == slots


def test_a_node_without_memory_holds_nobody() -> None:
    assert slots_of({"CPU": 4}, a_slot(1)) == 0
