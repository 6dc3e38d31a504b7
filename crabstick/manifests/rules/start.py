"""What Ray misses in Pods that Kubernetes starts: room to write in, a token, probes that fit."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from crabstick.explain import shown
from crabstick.manifests.bundle import Bundle
from crabstick.manifests.documents import below
from crabstick.manifests.faults import Fault, Finding, Remark
from crabstick.manifests.model import Group
from crabstick.manifests.pod_model import HttpGet

__all__ = ["kubernetes_api", "probes", "scratch"]

_SESSION: Final = "/tmp/ray"  # noqa: S108  # Ray's own choice
_FOLDERS: Final = ("RAY_TMPDIR", "TMPDIR")
"""Variables that move it."""
_OPTIONS: Final = ("spec", "autoscalerOptions")
_TOKEN: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105  # a folder
_AUTOSCALER: Final = ("kuberay-autoscaler", "KUBERAY_GEN_AUTOSCALER_START_CMD")

_HEALTH: Final = frozenset({"/api/healthz", "/api/local_raylet_healthz"})
"""Paths of the agent that Ray's dashboard has on each node; nobody else answers there.

Source: Ray 2.60, `ray/dashboard/modules/reporter/healthz_agent.py`; the port is from `ray start`.
"""
_AGENT_PORT: Final = "dashboard-agent-listen-port"
_USUAL_AGENT_PORT: Final = "52365"


def scratch(bundle: Bundle) -> Iterator[Finding]:
    """Ray's container can write its session: with an autoscaler, the operator sees to the head."""
    head = bundle.cluster.head
    for group in bundle.groups:
        if not group.ray.security_context.read_only_root_filesystem:
            continue
        mounts = {mount.mount_path for mount in group.ray.volume_mounts if not mount.read_only}
        if group == head and bundle.cluster.spec.enable_in_tree_autoscaling:
            mounts.add(_SESSION)  # the operator's volume `ray-logs`
        folders = _folders(group) or _folders(head) or [_SESSION]
        if not any(_is_within(folder, mount) for folder in folders for mount in mounts):
            yield Fault(
                f"of {group} covers no part of {folders[0]}, where Ray writes its session, and the "
                "root file system is read-only: mount an emptyDir at /tmp",
                (*group.ray_route, "volumeMounts"),
            )


def _folders(group: Group) -> list[str]:
    """Where Ray is told to write."""
    own = group.spec.ray_start_params.get("temp-dir")
    variables = (each.value for each in group.ray.env if each.name in _FOLDERS)
    return [own] if own else [f"{value}/ray" for value in variables if value]


def _is_within(folder: str, mount: str) -> bool:
    return bool(mount) and PurePosixPath(folder).is_relative_to(mount)


def kubernetes_api(bundle: Bundle) -> Iterator[Finding]:
    """The autoscaler runs, and has what it shows Kubernetes to be let in."""
    options = bundle.cluster.spec.autoscaler_options
    if not bundle.cluster.spec.enable_in_tree_autoscaling:
        return
    mounts = {mount.mount_path.rstrip("/") for mount in options.volume_mounts}
    if not mounts & {_TOKEN, _TOKEN.removeprefix("/var")} and not _has_token(bundle):
        yield Fault(
            f"holds no {_TOKEN}, and the head's Pod gets none (automountServiceAccountToken is "
            "false), so the autoscaler cannot ask Kubernetes for a worker: mount a projected "
            "serviceAccountToken with ca.crt and namespace there",
            (*_OPTIONS, "volumeMounts"),
        )
    words = " ".join((*options.command, *options.args))
    if words and not any(each in words for each in _AUTOSCALER):
        yield Remark(
            "autoscalerOptions replaces the autoscaler's command, and whether yours starts it was "
            f"not looked at: $({_AUTOSCALER[1]}) is what the operator would start"
        )


def _has_token(bundle: Bundle) -> bool:
    """Whether Kubernetes mounts a token into the head's Pod: as it says, else as its account."""
    pod = bundle.cluster.head.pod
    if pod.automount_service_account_token is not None:
        return pod.automount_service_account_token
    title = f"ServiceAccount {pod.service_account_name}"
    account = next((each.body for each in bundle.documents if each.title == title), {})
    return below(account, ("automountServiceAccountToken",)) is not False


def probes(bundle: Bundle) -> Iterator[Finding]:
    """A probe of Ray's health asks where the agent listens: else it ends Pods that are well."""
    for group in bundle.groups:
        agent = group.spec.ray_start_params.get(_AGENT_PORT, _USUAL_AGENT_PORT)
        if not agent.strip("0").isdecimal():  # Ray picks one, or a variable names it
            continue
        wrong: dict[HttpGet, list[str]] = {}
        for name, asked in _asked(group):
            if asked.port and _number(asked.port, group) != agent:
                wrong.setdefault(asked, []).append(name)
        for asked, (first, *others) in wrong.items():
            yield Fault(
                f"is {_told_port(asked.port, group)}, and {asked.path} of {group} is answered by "
                f"the agent of Ray's dashboard, at {agent}, so a Pod that is well seems dead: "
                f"write {agent}{_also(others)}",
                (*group.ray_route, first, "httpGet", "port"),
            )


def _also(others: list[str]) -> str:
    return f", also in {' and '.join(others)}" if others else ""


def _asked(group: Group) -> Iterator[tuple[str, HttpGet]]:
    """The probes of its Ray container that ask for Ray's health, by their names."""
    found = {
        "startupProbe": group.ray.startup_probe,
        "readinessProbe": group.ray.readiness_probe,
        "livenessProbe": group.ray.liveness_probe,
    }
    for name, probe in found.items():
        asked = probe.http_get
        if asked and asked.path in _HEALTH and not asked.host:
            yield name, asked


def _number(port: str, group: Group) -> str | None:
    """The number that a port of the Ray container has; None when no port is called so."""
    named = {each.name: str(each.container_port) for each in group.ray.ports}
    return port if port.isdecimal() else named.get(port)


def _told_port(port: str, group: Group) -> str:
    if port.isdecimal():
        return port
    number = _number(port, group)
    return f"{shown(port)}, {f'which is {number}' if number else 'which no port is called'}"
