"""The real kubectl is asked which Secrets there are, and no value of a Secret comes back."""

import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from crabstick.check import kubectl
from crabstick.check.kubectl import ask
from crabstick.errors import EnvironmentProblem
from tests.contract.check.kubernetes import Kubernetes, kubeconfig, serving

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")

OURS = ("crabstick", "crabstick-tokens")
REDIS = ("crabstick", "crabstick-redis")
ELSEWHERE = ("elsewhere", "crabstick-tokens")


@pytest.fixture
def kubernetes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kubernetes]:
    there = Kubernetes(secrets={OURS: {"lichess": "bGlwX3NlY3JldA==", "admin": "eA=="}})
    with serving(there, tmp_path) as config:
        monkeypatch.setenv("KUBECONFIG", str(config))
        monkeypatch.setenv("HOME", str(tmp_path))  # kubectl keeps a cache there
        yield there


def silence() -> str:
    with pytest.raises(EnvironmentProblem) as caught:
        ask([OURS])
    return str(caught.value)


def test_what_exists_is_found_and_what_does_not_is_not(kubernetes: Kubernetes) -> None:
    kubernetes.secrets[ELSEWHERE] = {}
    assert ask([OURS, REDIS, ELSEWHERE]) == {OURS, ELSEWHERE}


def test_in_a_namespace_that_is_not_there_is_no_secret(kubernetes: Kubernetes) -> None:
    kubernetes.secrets.clear()
    kubernetes.without = ("crabstick",)
    assert ask([OURS]) == frozenset()


def test_no_value_of_a_secret_leaves_kubectl(kubernetes: Kubernetes) -> None:
    assert kubectl._get(*OURS) == "secret/crabstick-tokens\n"
    assert kubernetes.asked


@pytest.mark.parametrize("place", [("crabstick", "--kubeconfig=x"), ("-A", "x")])
def test_a_strange_name_is_never_an_option_of_the_command(
    kubernetes: Kubernetes, place: tuple[str, str]
) -> None:
    assert ask([place]) == frozenset()
    assert any(path.endswith(f"/secrets/{place[1]}") for path in kubernetes.asked)


def test_the_reason_of_a_refusal_is_said(kubernetes: Kubernetes) -> None:
    kubernetes.refusal = (403, 'secrets "crabstick-tokens" is forbidden')
    assert silence().startswith("kubectl says: Error from server (Forbidden): secrets")


def test_a_cluster_that_is_not_there_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert re.search("reaches no cluster|current-context is not set", silence())


def test_a_cluster_that_does_not_answer_is_waited_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubectl, "_PATIENCE", "--request-timeout=200ms")
    monkeypatch.setattr(kubectl, "_ASK_WITHIN_S", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = tmp_path / "kubeconfig"
        config.write_text(kubeconfig(silent.getsockname()[1]), encoding="utf-8")
        monkeypatch.setenv("KUBECONFIG", str(config))
        monkeypatch.setenv("HOME", str(tmp_path))
        assert silence()


def test_without_kubectl_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert silence() == "kubectl is not installed"
