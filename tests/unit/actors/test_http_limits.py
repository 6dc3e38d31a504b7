"""Which requests are accepted, and one fetch for all concurrent callers."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.http.limits import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    SingleFlight,
    TokenBucket,
    is_bearer,
    objection,
)

MAX_AGE = timedelta(seconds=1)
NAMES = st.sampled_from([b"content-length", b"transfer-encoding", b"authorization", b"x"])
HEADERS = st.lists(st.tuples(NAMES, st.binary(max_size=40)), max_size=20)


@given(HEADERS)
def test_only_a_small_body_of_stated_length_is_let_in(headers: list[tuple[bytes, bytes]]) -> None:
    lengths = [value for name, value in headers if name == b"content-length"]
    is_chunked = any(name == b"transfer-encoding" for name, _ in headers)
    is_small = all(
        length.isdigit() and len(length) <= 4 and int(length) <= MAX_BODY_BYTES
        for length in lengths
    )
    refusal = objection(headers)
    assert (refusal is None) == (is_small and not is_chunked)


@pytest.mark.parametrize(
    ("length", "status"),
    [
        (b"4096", None),
        (b"4097", 413),
        (b"9" * 5000, 413),
        (b"", 413),
        (b"\xb2", 413),
    ],
)
def test_a_stated_length(length: bytes, status: int | None) -> None:
    refusal = objection([(b"content-length", length)])
    assert (refusal and refusal.status_code) == status


@given(st.integers(0, 2 * MAX_HEADERS), st.integers(0, 400))
def test_a_large_head_is_refused(count: int, length: int) -> None:
    refusal = objection([(b"x" * (length // 2), b"y" * (length - length // 2))] * count)
    is_large = count > MAX_HEADERS or count * length > MAX_HEAD_BYTES
    assert (refusal is not None and refusal.status_code == 431) == is_large


def test_a_refusal_closes_the_connection() -> None:
    for refusal in (
        objection([(b"transfer-encoding", b"chunked")]),
        objection([(b"x", b"")] * 101),
    ):
        assert refusal is not None
        assert refusal.headers["connection"] == "close"


@given(st.lists(st.text(max_size=20) | st.just("Bearer right"), max_size=3))
def test_only_one_authorization_with_the_right_token_fits(authorizations: list[str]) -> None:
    assert is_bearer(authorizations, "right") == (authorizations == ["Bearer right"])


@given(
    st.integers(1, 50),
    st.floats(0.001, 10),
    st.lists(st.floats(0, 20), min_size=1, max_size=200),
)
def test_no_period_lets_in_more_than_the_bucket_allows(
    burst: int, interval_s: float, gaps_s: list[float]
) -> None:
    bucket = TokenBucket(burst, timedelta(seconds=interval_s))
    interval_s = timedelta(seconds=interval_s).total_seconds()
    now_s, taken_s = 0.0, []
    for gap_s in gaps_s:
        now_s += gap_s * interval_s
        if bucket.take(now_s):
            taken_s.append(now_s)
    for first, began_s in enumerate(taken_s):
        for last in range(first, len(taken_s)):
            stretch_s = taken_s[last] - began_s
            assert last - first + 1 <= burst + stretch_s / interval_s + 1e-6


@given(st.integers(1, 50), st.floats(0.001, 10))
def test_slow_clients_are_always_let_in(burst: int, interval_s: float) -> None:
    bucket = TokenBucket(burst, timedelta(seconds=interval_s))
    assert all(bucket.take(number * interval_s * 1.01) for number in range(3 * burst))


def test_a_burst_is_let_in_at_once() -> None:
    bucket = TokenBucket(3, timedelta(seconds=1))
    assert [bucket.take(7.0) for _ in range(5)] == [True, True, True, False, False]


class Source:
    def __init__(self) -> None:
        self.fetched = 0
        self.takes_s = 0.5
        self.fails = False

    async def fetch(self) -> int:
        self.fetched += 1
        await asyncio.sleep(self.takes_s)
        if self.fails:
            raise ValueError(self.fetched)
        return self.fetched


async def test_concurrent_callers_share_one_result() -> None:
    source = Source()
    shared = SingleFlight(source.fetch, MAX_AGE)
    assert await asyncio.gather(*(shared.get() for _ in range(50))) == [1] * 50


async def test_a_result_is_reused_until_its_maximal_age() -> None:
    source = Source()
    shared = SingleFlight(source.fetch, MAX_AGE)
    seen = []
    for _ in range(4):
        seen.append(await shared.get())
        await asyncio.sleep(0.7)
    assert seen == [1, 1, 2, 2]


async def test_an_error_is_shared_like_a_result() -> None:
    source = Source()
    source.fails = True
    shared = SingleFlight(source.fetch, MAX_AGE)
    errors = await asyncio.gather(*(shared.get() for _ in range(5)), return_exceptions=True)
    assert {repr(error) for error in errors} == {"ValueError(1)"}
    source.fails = False
    with pytest.raises(ValueError, match="1"):
        await shared.get()
    await asyncio.sleep(1.1)
    assert await shared.get() == 2


async def test_cancelling_one_caller_does_not_cancel_the_others() -> None:
    source = Source()
    shared = SingleFlight(source.fetch, MAX_AGE)
    impatient, patient = (asyncio.create_task(shared.get()) for _ in range(2))
    await asyncio.sleep(0.1)
    impatient.cancel()
    assert await patient == 1
    assert source.fetched == 1
