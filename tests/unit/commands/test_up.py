"""Which cluster `up` means."""

import pytest

from actors.local_ray import LocalRay
from crabstick.commands import up as command
from crabstick.commands.up import Cluster, cluster_of

LOCAL = LocalRay(address="127.0.0.1:6379", pid=1)


@pytest.mark.parametrize(
    ("address", "variable", "local", "cluster"),
    [
        ("a:1", "b:2", LOCAL, Cluster(address="a:1")),
        (None, "b:2", LOCAL, Cluster(address="b:2")),
        (None, "", LOCAL, Cluster(address="127.0.0.1:6379", local=LOCAL)),
        (None, "", None, None),
    ],
)
def test_the_cluster_that_is_named_goes_before_our_own(
    monkeypatch: pytest.MonkeyPatch,
    address: str | None,
    variable: str,
    local: LocalRay | None,
    cluster: Cluster | None,
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", variable)
    monkeypatch.setattr(command, "find_local_ray", lambda: local)
    assert cluster_of(address) == cluster
