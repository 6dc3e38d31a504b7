"""Addresses of clusters as people write them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.ops.address import check_named, host_and_port
from crabstick.errors import ConfigError

WRONG = ["", "localhost", "host:", ":6379", "host:x", "a b:1", "h:0", "h:65536", "h:123456"]


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("10.0.0.1:6379", ("10.0.0.1", 6379)),
        ("head.example:65535", ("head.example", 65535)),
        ("my_head-1:1", ("my_head-1", 1)),
        ("[::1]:6379", ("::1", 6379)),
    ],
)
def test_an_address_is_a_host_and_a_port(address: str, place: tuple[str, int]) -> None:
    assert host_and_port(address) == place


@given(st.text("ah09.:-_[]/ \n") | st.just("http://a\nb:1"))
def test_any_text_is_an_address_or_gets_one_sentence(text: str) -> None:
    refusal = ""
    try:
        host, port = host_and_port(text)
    except ConfigError as error:
        refusal = str(error)
    else:
        assert re.sub("[][]", "", text) == f"{host}:{text.rpartition(':')[2]}"
        assert 0 < port <= 65_535
    assert not refusal or ("write host:port of the head's GCS" in refusal and "\n" not in refusal)


@pytest.mark.parametrize("address", [*WRONG, "::1:6379", "host:\u0666"])
def test_the_refusal_of_other_text_explains_the_form(address: str) -> None:
    with pytest.raises(ConfigError, match=r"is no address of a Ray cluster: write host:port"):
        host_and_port(address)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("auto", "does not guess which cluster is meant"),
        ("http://127.0.0.1:8265", "as Ray's dashboard is addressed"),
        ("https://head", "as Ray's dashboard is addressed"),
        ("ray://head:10001", "is no Ray Client"),
    ],
)
def test_other_addresses_of_ray_are_explained(address: str, words: str) -> None:
    with pytest.raises(ConfigError, match=f"{words}.*write host:port"):
        host_and_port(address)


@pytest.mark.parametrize(
    ("option", "variable", "named"),
    [
        ("x", "10.0.0.1:6379", "--address"),
        ("", "10.0.0.1:6379", "--address"),
        ("x", "y", "--address"),
        (None, "y", "RAY_ADDRESS"),
    ],
)
def test_the_refusal_names_the_option_or_the_variable(
    option: str | None, variable: str, named: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{named} is "):
        check_named(option, {"RAY_ADDRESS": variable})


@pytest.mark.parametrize(
    ("option", "variable"), [("a:1", "wrong"), (None, ""), (None, "a:1"), ("a:1", "")]
)
def test_an_address_that_is_not_in_force_is_not_checked(option: str | None, variable: str) -> None:
    check_named(option, {"RAY_ADDRESS": variable})
