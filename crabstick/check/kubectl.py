"""Asks kubectl to render manifests and to find Secrets; never reads the value of a Secret."""

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.explain import public

Place = tuple[str, str]
"""Namespace and name of an object; an empty namespace is that of kubectl's context."""
_RENDER_WITHIN_S: Final = 60
"""A kustomization may download the resources that it names."""
_ASK_WITHIN_S: Final = 10
_PATIENCE: Final = "--request-timeout=3s"
_LONGEST_REASON: Final = 300


def ask(secrets: Iterable[Place]) -> frozenset[Place]:
    """The Secrets, among these, that exist.

    Raises:
        EnvironmentProblem: kubectl does not say which; the message has the reason.
    """
    return frozenset(each for each in secrets if _get(*each))


def _get(namespace: str, name: str) -> str:
    where = [f"--namespace={namespace}"] if namespace else []
    options = [_PATIENCE, *where, "--ignore-not-found", "--output=name", "--", name]
    done = _kubectl(["get", "secrets", *options], _ASK_WITHIN_S)
    if not done.returncode:
        return done.stdout
    line = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
    if any(sign in line for sign in ("was refused", "dial tcp", "i/o timeout")):
        raise EnvironmentProblem("kubectl reaches no cluster")
    raise EnvironmentProblem(f"kubectl says: {public(line)[:_LONGEST_REASON]}")


def rendered(folder: Path) -> str:
    """The manifests that kustomize renders from the folder.

    Raises:
        ConfigError: kustomize refuses the folder.
        EnvironmentProblem: there is no kubectl, or it does not end.
    """
    try:
        done = _kubectl(["kustomize", str(folder)], _RENDER_WITHIN_S)
    except EnvironmentProblem as error:
        raise EnvironmentProblem(
            f"{folder} cannot be rendered here ({error}): render it elsewhere, and pipe that into "
            "`crabstick check --cluster -`"
        ) from None
    if done.returncode:
        said = " ".join(done.stderr.split()).partition('err="')  # the text before: about kubectl
        reason = public((said[2] or said[0]).replace('\\"', '"'))[:_LONGEST_REASON]
        raise ConfigError(f"{folder} cannot be rendered: {reason or 'no reason given'}")
    return done.stdout


def _kubectl(words: list[str], within_s: float) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            ["kubectl", *words],  # noqa: S607 -- wherever it is in the PATH
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=within_s,
            check=False,
        )
    except FileNotFoundError:
        raise EnvironmentProblem("kubectl is not installed") from None
    except subprocess.TimeoutExpired:
        raise EnvironmentProblem(f"kubectl did not answer within {within_s:g} s") from None
