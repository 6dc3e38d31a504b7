"""What kubectl renders, and what it says of the Kubernetes cluster; never a value of a Secret."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.explain import public

__all__ = ["Answers", "ask", "rendered"]

RENDERERS: Final = (("kubectl", "kustomize"), ("kustomize", "build"))
_RENDER_WITHIN_S: Final = 60
"""A kustomization may fetch what it names."""
_ASK_WITHIN_S: Final = 10
_PATIENCE: Final = "--request-timeout=3s"
_LONGEST_REASON: Final = 300
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_VARIABLES: Final = (
    "--output=go-template={{range .items}}{{range .spec.template.spec.containers}}{{range .env}}"
    "{{.name}}={{.value}} {{end}}{{end}}{{end}}"
)
_OPERATOR: Final = "app.kubernetes.io/name in (kuberay-operator, kuberay)"
"""How Helm's chart and KubeRay's kustomization label the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the Kubernetes cluster has; `silence` is why nothing is known of its Secrets."""

    silence: str = ""
    secrets: frozenset[tuple[str, str]] = frozenset()
    """Namespace and name of those that exist."""
    operator: frozenset[str] = frozenset()
    """NAME=value of the KubeRay operator's variables; empty when they were not seen."""


class _Silent(Exception):
    """kubectl gave no answer."""


def ask(secrets: Iterable[tuple[str, str]]) -> Answers:
    """Which of those Secrets (namespace, name) exist; an empty namespace is kubectl's own."""
    found: set[tuple[str, str]] = set()
    try:
        for namespace, name in secrets:
            if not _NAME.fullmatch(name) or not _NAME.fullmatch(namespace or "default"):
                continue  # Kubernetes has no such thing, and kubectl might take it for an option
            where = ["--namespace", namespace] if namespace else []
            if _get("secrets", name, *where, "--ignore-not-found", "--output=name"):
                found.add((namespace, name))
    except _Silent as error:
        return Answers(silence=str(error))
    return Answers(secrets=frozenset(found), operator=_operator())


def _operator() -> frozenset[str]:
    everywhere = ("--all-namespaces", f"--selector={_OPERATOR}")
    try:
        return frozenset(_get("deployments", *everywhere, _VARIABLES).split())
    except _Silent:  # most people may not look into all namespaces
        return frozenset()


def _get(*words: str) -> str:
    try:
        done = _run(["kubectl", "get", _PATIENCE, *words], _ASK_WITHIN_S)
    except FileNotFoundError:
        raise _Silent("kubectl is not installed") from None
    except subprocess.TimeoutExpired:
        raise _Silent(f"kubectl did not answer within {_ASK_WITHIN_S} s") from None
    if not done.returncode:
        return done.stdout
    line = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
    if any(sign in line for sign in ("was refused", "dial tcp", "i/o timeout")):
        raise _Silent("kubectl reaches no cluster")
    raise _Silent(f"kubectl says: {public(line)[:_LONGEST_REASON]}")


def rendered(folder: Path) -> str:
    """What kustomize makes of the folder.

    Raises:
        ConfigError: kustomize refuses the folder.
        EnvironmentProblem: there is no kustomize, or it does not end.
    """
    command = next((words for words in RENDERERS if shutil.which(words[0])), None)
    if command is None:
        raise EnvironmentProblem(
            f"{folder} is a kustomize folder, and neither kubectl nor kustomize is here to render "
            "it: install one of them, or render it elsewhere and pipe that into "
            "`crabstick check --cluster -`"
        )
    try:
        done = _run([*command, str(folder)], _RENDER_WITHIN_S)
    except subprocess.TimeoutExpired:
        raise EnvironmentProblem(
            f"`{' '.join(command)} {folder}` did not end within {_RENDER_WITHIN_S} s: what it "
            "names elsewhere may be out of reach"
        ) from None
    if done.returncode:
        said = " ".join(done.stderr.split()).partition('err="')  # before that: about kubectl
        reason = public((said[2] or said[0]).replace('\\"', '"'))[:_LONGEST_REASON]
        raise ConfigError(f"{folder} cannot be rendered: {reason or 'no reason given'}")
    return done.stdout


def _run(command: list[str], within_s: float) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 -- the user's own kubectl, and never a shell
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=within_s,
        check=False,
    )
