"""Amounts as Kubernetes writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.manifests.quantities import exceeds, is_quantity, is_thousandth, rounded_up


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("2", 2),
        ("500m", 1),
        ("1500m", 2),
        ("0.1", 1),
        (".5", 1),
        ("2.", 2),
        ("1Ki", 1024),
        ("2Gi", 2 * 2**30),
        ("1k", 1000),
        ("1G", 10**9),
        ("1e3", 1000),
        ("1E3", 1000),
        ("1E", 10**18),
        ("100n", 1),
        ("-500m", 0),
    ],
)
def test_an_amount_is_a_whole_number_rounded_up(text: str, number: int) -> None:
    assert is_quantity(text)
    assert rounded_up(text) == number


@pytest.mark.parametrize("text", ["", "2Gb", "2 Gi", "Gi", "1.2.3", "0x10", "1e", "1e999", "٣"])
def test_what_kubernetes_does_not_read_is_none(text: str) -> None:
    assert rounded_up(text) is None
    assert not is_quantity(text)


@given(st.text(max_size=30))
def test_any_text_is_an_amount_or_not(text: str) -> None:
    assert is_quantity(text) == (rounded_up(text) is not None)


@pytest.mark.parametrize(
    ("amount", "limit", "is_above"),
    [
        ("8", "2", True),
        ("2001m", "2", True),
        ("2", "2000m", False),
        ("1Gi", "1G", True),
        ("1G", "1Gi", False),
        ("x", "1", False),
        ("1", "x", False),
    ],
)
def test_the_larger_of_two_amounts_is_known(amount: str, limit: str, *, is_above: bool) -> None:
    assert exceeds(amount, limit) == is_above


@pytest.mark.parametrize(("text", "is_so"), [("1792m", True), ("1792M", False), ("item", False)])
def test_thousandths_are_known(text: str, *, is_so: bool) -> None:
    assert is_thousandth(text) == is_so
