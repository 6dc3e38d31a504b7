"""What the Kubernetes cluster has already, asked of kubectl; never a value of a Secret."""

import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

from crabstick.explain import public
from crabstick.manifests.bundle import Answers

__all__ = ["ask"]

_PATIENCE_S = 10
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_ANSWER_WITHIN = "--request-timeout=3s"
_KEYS: Final = (
    '{{define "keys"}}{{.metadata.name}}{{range $key, $value := .data}} {{$key}}{{end}}{{"\\n"}}'
    '{{end}}{{if eq .kind "List"}}{{range .items}}{{template "keys" .}}{{end}}'
    '{{else}}{{template "keys" .}}{{end}}'
)
"""A line for each Secret: its name, then its keys."""
_WORDS: Final = (
    "{{range .items}}{{range .spec.template.spec.containers}}"
    "{{range .command}}{{.}} {{end}}{{range .args}}{{.}} {{end}}{{end}}{{end}}"
)
_OPERATOR = "app.kubernetes.io/name in (kuberay-operator, kuberay)"
"""How Helm's chart and KubeRay's kustomization label it."""
_LONGEST_REASON = 160


class _Silent(Exception):
    """Nobody answered, or not to us."""


def ask(secrets: Iterable[tuple[str, str]], *, gates: bool) -> Answers:
    """Which of those Secrets (namespace, name) exist, and with which keys.

    Args:
        secrets: those that the manifests do not bring; an empty namespace is kubectl's own.
        gates: whether the operator's feature gates matter.
    """
    found: dict[tuple[str, str], frozenset[str]] = {}
    if shutil.which("kubectl") is None:
        return Answers(silence="kubectl is not installed")
    known = sorted(place for place in secrets if _are_names(place))
    try:
        for namespace, places in groupby(known, key=itemgetter(0)):
            found.update(_keys(namespace, [name for _, name in places]))
        operator = _operator() if gates else ""
    except _Silent as error:
        return Answers(silence=str(error))
    return Answers(secrets=found, operator=operator)


def _are_names(place: tuple[str, str]) -> bool:
    """Whether Kubernetes could have something there: no word here may look like an option."""
    namespace, name = place
    return bool(_NAME.fullmatch(name)) and (not namespace or bool(_NAME.fullmatch(namespace)))


def _keys(namespace: str, names: Sequence[str]) -> dict[tuple[str, str], frozenset[str]]:
    where = ("--namespace", namespace) if namespace else ()
    said = _get("secrets", *names, *where, "--ignore-not-found", f"--output=go-template={_KEYS}")
    lines = [line.split() for line in said.splitlines() if line.strip()]
    return {(namespace, words[0]): frozenset(words[1:]) for words in lines}


def _operator() -> str:
    try:
        return _get(
            "deployments",
            "--all-namespaces",
            f"--selector={_OPERATOR}",
            f"--output=go-template={_WORDS}",
        ).strip()
    except _Silent:  # most people may not look into all namespaces
        return ""


def _get(*words: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 -- names out of manifests, never a shell
            ["kubectl", "get", _ANSWER_WITHIN, *words],  # noqa: S607 -- the user's own kubectl
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _Silent(f"kubectl did not answer within {_PATIENCE_S} s") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", errors="replace").strip().splitlines()
        raise _Silent(_why(lines[-1] if lines else "it gave no reason"))
    return done.stdout.decode("utf-8", errors="replace")


def _why(line: str) -> str:
    if "was refused" in line or "dial tcp" in line or "i/o timeout" in line:
        return "kubectl reaches no cluster"
    return f"kubectl says: {public(line)[:_LONGEST_REASON]}"
