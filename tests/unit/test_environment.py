"""What an environment lacks or has set against us: a home folder, and proxies for this machine."""

import os
import pwd
from pathlib import Path

import pytest
import requests

from crabstick.environment import home_folder, spare_loopback
from crabstick.errors import EnvironmentProblem

UNKNOWN = 4_000_000_000
"""No user has this number."""
LOOPBACK = "127.0.0.1,localhost,::1,[::1]"


@pytest.mark.parametrize("home", [None, ""])
def test_without_the_variable_the_home_is_that_of_the_list_of_users(
    home: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert home_folder() == Path("/home/me")
    monkeypatch.delenv("HOME")
    if home is not None:
        monkeypatch.setenv("HOME", home)
    assert home_folder() == Path(pwd.getpwuid(os.getuid()).pw_dir)


@pytest.mark.parametrize("home", [None, "", "relative"])
def test_who_has_no_home_is_told_to_set_one(
    home: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: UNKNOWN)
    monkeypatch.delenv("HOME", raising=False)
    if home is not None:
        monkeypatch.setenv("HOME", home)
    with pytest.raises(EnvironmentProblem, match="no home folder: set HOME"):
        home_folder()


@pytest.mark.parametrize(
    ("given", "spared"),
    [
        ({}, LOOPBACK),
        ({"no_proxy": "a.example, localhost"}, f"a.example,localhost,{LOOPBACK}"),
        ({"NO_PROXY": "a.example", "no_proxy": ""}, f"a.example,{LOOPBACK}"),
        ({"no_proxy": "*"}, "*"),
    ],
)
def test_whatever_is_spared_the_proxy_stays_spared_and_loopback_joins_it(
    given: dict[str, str], spared: str
) -> None:
    environment = {"https_proxy": "http://p:1", "no_grpc_proxy": "", **given}
    spare_loopback(environment)
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        assert set(environment[name].split(",")) == set(spared.split(",")), name


def test_without_a_proxy_nothing_changes() -> None:
    environment = {"no_proxy": "a.example"}
    spare_loopback(environment)
    assert environment == {"no_proxy": "a.example"}


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_libraries_that_read_the_environment_go_straight_to_this_machine(
    variable: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    spare_loopback(os.environ)
    assert requests.utils.get_environ_proxies(f"http://{host}:8000") == {}
    assert requests.utils.get_environ_proxies("http://lichess.org") != {}
