"""What is taken from whom: the laws of the bounds."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.http.limits import (
    LARGEST_BODY,
    LARGEST_HEAD,
    MOST_HEADERS,
    TOO_MANY,
    TokenBucket,
    error_answer,
    is_bearer,
    objection,
)

NAMES = st.sampled_from([b"content-length", b"transfer-encoding", b"authorization", b"x"])
HEADERS = st.lists(st.tuples(NAMES, st.binary(max_size=40)), max_size=20)


@given(HEADERS)
def test_only_a_small_body_of_stated_length_is_let_in(headers: list[tuple[bytes, bytes]]) -> None:
    lengths = [value for name, value in headers if name == b"content-length"]
    is_chunked = any(name == b"transfer-encoding" for name, _ in headers)
    is_small = all(
        length.isdigit() and len(length) <= 4 and int(length) <= LARGEST_BODY for length in lengths
    )
    refusal = objection(headers)
    assert (refusal is None) == (is_small and not is_chunked)


@pytest.mark.parametrize(
    ("length", "status"),
    [
        (b"0", None),
        (b"4096", None),
        (b"4097", 413),
        (b"104857600", 413),
        (b"9" * 5000, 413),
        (b"-1", 413),
        (b"", 413),
        (b"\xb2", 413),
    ],
)
def test_a_stated_length(length: bytes, status: int | None) -> None:
    refusal = objection([(b"content-length", length)])
    assert (refusal and refusal.status) == status


@given(st.integers(0, 2 * MOST_HEADERS), st.integers(0, 400))
def test_a_large_head_is_refused(count: int, length: int) -> None:
    refusal = objection([(b"x" * (length // 2), b"y" * (length - length // 2))] * count)
    is_large = count > MOST_HEADERS or count * length > LARGEST_HEAD
    assert (refusal is not None and refusal.status == 431) == is_large


def test_behind_a_refusal_the_connection_is_closed() -> None:
    for refusal in (
        objection([(b"transfer-encoding", b"chunked")]),
        objection([(b"x", b"")] * 101),
    ):
        assert refusal is not None
        assert (b"connection", b"close") in refusal.headers


def test_an_error_is_json() -> None:
    answer = error_answer(418, 'a "pot"', (b"allow", b"BREW"))
    assert answer.body == b'{"error": "a \\"pot\\""}'
    assert answer.headers == ((b"content-type", b"application/json"), (b"allow", b"BREW"))


def test_who_asks_too_much_is_told_when_to_come_back() -> None:
    assert (TOO_MANY.status, (b"retry-after", b"1") in TOO_MANY.headers) == (503, True)


@given(st.lists(st.text(max_size=20) | st.just("Bearer right"), max_size=3))
def test_only_one_authorization_with_the_right_token_fits(authorizations: list[str]) -> None:
    assert is_bearer(authorizations, "right") == (authorizations == ["Bearer right"])


@given(
    st.integers(1, 50),
    st.floats(0.001, 10),
    st.lists(st.floats(0, 20), min_size=1, max_size=200),
)
def test_in_no_stretch_of_time_more_is_let_in_than_the_budget(
    burst: int, interval_s: float, gaps_s: list[float]
) -> None:
    budget = TokenBucket(burst, timedelta(seconds=interval_s))
    interval_s = timedelta(seconds=interval_s).total_seconds()
    now_s, taken_s = 0.0, []
    for gap_s in gaps_s:
        now_s += gap_s * interval_s
        if budget.take(now_s):
            taken_s.append(now_s)
    for first, began_s in enumerate(taken_s):
        for last in range(first, len(taken_s)):
            stretch_s = taken_s[last] - began_s
            assert last - first + 1 <= burst + stretch_s / interval_s + 1e-6


@given(st.integers(1, 50), st.floats(0.001, 10))
def test_who_asks_slowly_is_always_let_in(burst: int, interval_s: float) -> None:
    budget = TokenBucket(burst, timedelta(seconds=interval_s))
    assert all(budget.take(number * interval_s * 1.01) for number in range(3 * burst))


def test_the_first_are_let_in_at_once() -> None:
    budget = TokenBucket(3, timedelta(seconds=1))
    assert [budget.take(7.0) for _ in range(5)] == [True, True, True, False, False]
