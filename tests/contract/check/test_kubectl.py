"""The real kubectl is asked which Secrets there are, and no value of a Secret comes back."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from crabstick.check import kubectl
from crabstick.check.kubectl import Answers, ask
from tests.contract.check.kubernetes import Kubernetes, serving

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


def test_what_exists_is_found_and_what_does_not_is_not(kubernetes: Kubernetes) -> None:
    kubernetes.secrets[ELSEWHERE] = {}
    assert ask([OURS, REDIS, ELSEWHERE]) == Answers(secrets=frozenset({OURS, ELSEWHERE}))


def test_in_a_namespace_that_is_not_there_is_no_secret(kubernetes: Kubernetes) -> None:
    kubernetes.secrets.clear()
    kubernetes.without = ("crabstick",)
    assert ask([OURS]) == Answers()


def test_no_value_of_a_secret_leaves_kubectl(
    kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    real = kubectl._get

    def listening(*words: str) -> str:
        said.append(real(*words))
        return said[-1]

    monkeypatch.setattr(kubectl, "_get", listening)
    ask([OURS])
    assert said == ["secret/crabstick-tokens\n", ""]
    assert kubernetes.secrets[OURS]["lichess"] not in said[0]


def test_names_that_are_none_are_never_words_of_a_command(kubernetes: Kubernetes) -> None:
    strange = [("crabstick", "--kubeconfig=/etc/passwd"), ("-A", "x"), ("crabstick", "")]
    assert ask(strange) == Answers()
    assert not [path for path in kubernetes.asked if "secrets" in path]


def test_the_variables_of_the_operator_are_read(kubernetes: Kubernetes) -> None:
    kubernetes.operator = {"A": "b", "ENABLE_RANDOM_POD_DELETE": "true"}
    assert ask([]).operator == {"A=b", "ENABLE_RANDOM_POD_DELETE=true"}


def test_who_may_not_look_is_told_why(kubernetes: Kubernetes) -> None:
    kubernetes.refusal = (403, 'secrets "crabstick-tokens" is forbidden')
    answers = ask([OURS])
    assert answers.secrets == frozenset()
    assert answers.silence.startswith("kubectl says: Error from server (Forbidden): secrets")


def test_a_cluster_that_is_not_there_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ask([OURS]).silence in {
        "kubectl reaches no cluster",
        "kubectl says: error: current-context is not set",
    }


def test_a_cluster_that_does_not_answer_is_waited_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubectl, "_PATIENCE", "--request-timeout=200ms")
    monkeypatch.setattr(kubectl, "_ASK_WITHIN_S", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = tmp_path / "kubeconfig"
        port = silent.getsockname()[1]
        config.write_text(
            f'{{"clusters": [{{"name": "a", "cluster": {{"server": "http://127.0.0.1:{port}"}}}}], '
            '"contexts": [{"name": "a", "context": {"cluster": "a"}}], "current-context": "a"}',
            encoding="utf-8",
        )
        monkeypatch.setenv("KUBECONFIG", str(config))
        monkeypatch.setenv("HOME", str(tmp_path))
        assert ask([OURS]).silence


def test_without_kubectl_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ask([OURS]) == Answers(silence="kubectl is not installed")
