"""What crabstick needs of the RayCluster of its bot, and no other tool checks."""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

from crabstick.check.documents import below, items, metadata
from crabstick.check.finding import Finding
from crabstick.check.ray_cluster import Group, Manifests, amount
from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.explain import shown
from crabstick.ray_flags import WANTED, advice, differing, is_fit
from crabstick.settings import TOKEN_VARIABLE

_PLAIN: Final = re.compile(r"(?:.*/)?rayproject/ray(?:-\w+)?(?::[^@]+)?(?:@.+)?")
"""An image of Ray's makers: rayproject/ray:2.60.0-py311-cpu; or a mirror's."""
_CODE_ELSEWHERE: Final = "PYTHONPATH"
"""A variable of those who bring the code by a volume."""
_PLACEHOLDER: Final = re.compile(r"registry\.example(\.\w+)?/")
_MIB: Final = 2**20
_UNLIMITED: Final = 2**31 - 1
_DRAIN: Final = "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"
_RANDOM: Final = "ENABLE_RANDOM_POD_DELETE=true"
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_RAY_PORTS: Final = frozenset({"6379", "8080", "8265", "10001", "44217", "44227", "52365"})


def settings(manifests: Manifests) -> Iterator[Finding]:
    """The bot's settings can be read, and the Services of the head lead to the bot."""
    http, engine = manifests.settings.http, manifests.settings.engine.path
    if manifests.mistake:
        yield _wrong(manifests.mistake)
    elif not manifests.has_settings:
        yield Finding(f"{manifests.source}; --config names the bot's")
    else:
        unseen = f"; whether the image holds {engine} was not looked at" if engine else ""
        yield Finding(manifests.source + unseen)
        for port, service in list(_served(manifests).items())[:1]:
            if http.host in _LOOPBACK:
                yield _wrong(
                    f"http.host of the bot's settings is {http.host}, where the Service {service} "
                    "cannot reach it: write 0.0.0.0"
                )
            if str(http.port) not in _served(manifests):
                yield _wrong(
                    f"http.port of the bot's settings is {http.port}, and the Service {service} "
                    f"leads to {port}: write {port}, or change it there, in the NetworkPolicies "
                    "and for the keeper as well"
                )


def _served(manifests: Manifests) -> Mapping[str, str]:
    """The ports of the head that Services lead to, without those of Ray -> which Service."""
    ports = items(manifests.head.ray, "ports")
    names = {each.get("name"): str(each["containerPort"]) for each in ports}
    found: dict[str, str] = {}
    for service in manifests.of_kind("Service"):
        is_ours = below(service, "spec", "selector", "ray.io/node-type") == "head"
        for port in items(service, "spec", "ports") if is_ours else ():
            aim = str(below(port, "targetPort") or below(port, "port"))
            found[names.get(aim, aim)] = metadata(service, "name")
    return {port: name for port, name in found.items() if port not in _RAY_PORTS}


def pods(manifests: Manifests) -> Iterator[Finding]:
    """A changed manifest ends no game."""
    if below(manifests.cluster, "spec", "suspend"):
        yield _wrong("spec.suspend is true: it ends all Pods and every game; leave it out")
    if below(manifests.cluster, "spec", "upgradeStrategy", "type") == "Recreate":
        yield _wrong(
            "spec.upgradeStrategy.type is Recreate: the smallest change of the spec would end all "
            "Pods and every game; leave it out"
        )
    for group in manifests.workers:
        if group.body.get("suspend"):
            words = "is true, which the autoscaler does not allow: leave it out"
            yield _wrong(f"{group.place}.suspend {words}")
        if "replicas" in group.body:
            yield Finding(
                f"replicas of {group} is the autoscaler's, and `kubectl apply` would reset it: "
                "leave it out"
            )
    if _RANDOM in manifests.answers.operator:
        yield Finding(
            f"the KubeRay operator runs with {_RANDOM}, and each `kubectl apply` resets replicas "
            "to 0, so it would end Pods with games: start the operator without that",
            EnvironmentProblem,
        )


def ray_version(manifests: Manifests) -> Iterator[Finding]:
    """`rayVersion` is the Ray of this program."""
    wanted, here = below(manifests.cluster, "spec", "rayVersion"), manifests.ray
    if not wanted:
        words = f'is missing, and without it the operator starts nothing: write "{here}"'
        yield _wrong(f"spec.rayVersion {words}")
    elif wanted != here:
        yield _wrong(
            f"spec.rayVersion is {shown(wanted)}, and this crabstick runs on Ray {here}: write "
            "that version, and take an image that has it"
        )
    else:
        image = manifests.head.ray.get("image")
        yield Finding(f"{here}, as here; which Ray the image {image} holds was not looked at")


def images(manifests: Manifests) -> Iterator[Finding]:
    """All nodes have the same image, with crabstick in it."""
    first = manifests.head.ray.get("image", "")
    for group in manifests.groups:
        image, place = group.ray.get("image", ""), f"{group.ray_place}.image"
        if _PLAIN.fullmatch(image) and _CODE_ELSEWHERE not in group.env:
            yield _wrong(
                f"{place} is {image}, which holds Ray and no crabstick: build an image with "
                "kuberay/Dockerfile and name that one"
            )
        elif image != first:
            words = (
                f"is {image or 'missing'}, and the head's is {first}: give all nodes the same code"
            )
            yield _wrong(f"{place} {words}")
    if _PLACEHOLDER.match(first):
        yield Finding(f"{first} is a placeholder: name the image where your cluster can pull it")


def head(manifests: Manifests) -> Iterator[Finding]:
    """The head plays no games, and has memory for itself."""
    group = manifests.head
    memory = below(group.ray, "resources", "limits", "memory")
    cpus = group.counted("CPU", "num-cpus")
    if (amount(memory) or math.inf) < 1024 * _MIB:
        yield _wrong(
            f"{group.ray_place}.resources.limits.memory is {memory}, and Ray's head needs "
            "1Gi at least, or it is killed again and again: write 1792Mi or more"
        )
    if cpus != 0:
        count = "the CPUs of the machine" if cpus is None else f"{cpus} CPU{'s' * (cpus > 1)}"
        yield _wrong(
            f"{group.place}.rayStartParams gives the head {count} for games, which would disturb "
            'each other and the bot: write num-cpus: "0", and no CPU in its resources'
        )


def autoscaler(manifests: Manifests) -> Iterator[Finding]:
    """There is an autoscaler, and it is the one that drains nodes before it ends them."""
    version = below(manifests.cluster, "spec", "autoscalerOptions", "version")
    if not below(manifests.cluster, "spec", "enableInTreeAutoscaling"):
        yield _wrong(
            "spec.enableInTreeAutoscaling is not true, so nothing starts a worker when a game "
            "needs one, and nothing ends it: write true, and autoscalerOptions.version: v2"
        )
    elif version != "v2":
        yield _wrong(
            f"spec.autoscalerOptions.version is {version or 'missing'}: write v2 (the old one ends "
            "busy workers without a drain, and only an explicit v2 keeps Kubernetes from "
            "restarting dead nodes)"
        )
    elif manifests.has_settings and not manifests.settings.cluster.autoscaling:
        yield Finding(
            "cluster.autoscaling of the bot's settings is false: challenges that need a new node "
            "are declined, and games are not gathered when many have ended"
        )


def authentication(manifests: Manifests) -> Iterator[Finding]:
    """Nobody without a token may use Ray."""
    mode = below(manifests.cluster, "spec", "authOptions", "mode") or "missing"
    if mode != "token":
        words = f"is {mode}, so whoever reaches the head runs any code there: write token"
        yield _wrong(f"spec.authOptions.mode {words}")


def room(manifests: Manifests) -> Iterator[Finding]:
    """A slot fits a worker, and the largest cluster has slots for all games and standbys."""
    most = 0
    for group in manifests.workers:
        slots = _slots(group, manifests)
        most += slots * group.body.get("maxReplicas", _UNLIMITED) * group.body.get("numOfHosts", 1)
        if not slots:
            cluster, cpus = manifests.settings.cluster, group.counted("CPU", "num-cpus")
            has = "no number of CPUs" if cpus is None else f"{cpus} CPU{'s' * (cpus != 1)}"
            memory = group.counted("memory", "memory")
            has += "" if memory is None else f" and {memory // _MIB} MB"
            yield _wrong(
                f"{group.ray_place}.resources gives Ray {has}, and a game asks for "
                f"{cluster.slot_cpus:g} and {cluster.slot_memory_mb} MB, so no game fits a node of "
                f"{group}: raise the limits, or lower cluster.slot_cpus and cluster.slot_memory_mb"
            )
    games, standby = manifests.settings.challenges.max_games, manifests.settings.cluster.standby
    if most >= games + standby:
        has = "any number of slots" if most >= _UNLIMITED else f"{most} slots at most"
        yield Finding(f"{has}, for {games} games and a standby of {standby}")
    elif all(_slots(group, manifests) for group in manifests.workers):
        yield _wrong(
            f"maxReplicas of spec.workerGroupSpecs is too small: the largest cluster has room for "
            f"{most}, and challenges.max_games ({games}) and cluster.standby ({standby}) want "
            f"{games + standby}; raise it, or lower them"
        )


def _slots(group: Group, manifests: Manifests) -> int:
    """How many games a node of the group holds; none when nothing says what the node has."""
    cluster, memory = manifests.settings.cluster, group.counted("memory", "memory")
    by_cpu = int((group.counted("CPU", "num-cpus") or 0) / cluster.slot_cpus)
    return by_cpu if memory is None else min(by_cpu, memory // (cluster.slot_memory_mb * _MIB))


def drains(manifests: Manifests) -> Iterator[Finding]:
    """Ray has left a node before Kubernetes kills it."""
    for group in manifests.groups:
        drain_s = _number(group.env.get(_DRAIN, {"value": "30"}).get("value"))  # Ray's default
        grace_s = group.pod.get("terminationGracePeriodSeconds", 30)  # Kubernetes' default
        if drain_s >= grace_s:
            why = f"{_DRAIN} gives" if _DRAIN in group.env else f"Ray, without {_DRAIN}, takes"
            when = "before it has left" if group.is_head else "in mid-game"
            yield _wrong(
                f"{group.place}.template.spec.terminationGracePeriodSeconds is {grace_s} s, and "
                f"{why} {drain_s:g} s to leave {group}: the Pod would be killed {when}; make the "
                "first the larger"
            )


def _number(text: str | None) -> float:
    """Seconds, as Ray reads them; a value from elsewhere is taken to be right."""
    try:
        return 0 if text is None else float(text)
    except ValueError:
        return 30


def variables(manifests: Manifests) -> Iterator[Finding]:
    """Ray's flags are alike on head and workers, and those that games need are right."""
    if any("envFrom" in group.ray for group in manifests.groups):
        yield Finding("not looked at: some come from elsewhere (envFrom)")
        return
    flags = _flags(manifests.head)
    differ: set[str] = set()
    for group in manifests.workers:
        others = _flags(group)
        for name in differing(flags, others):
            differ.add(name)
            yield _wrong(
                f"{group.ray_place}.env of {group} has {_flag(others, name)}, and the head has "
                f"{_flag(flags, name)}: {advice(name)}"
            )
    for name in sorted(WANTED.keys() - differ):
        if not is_fit(name, flags.get(name)):
            words = f"has {_flag(flags, name)}, and so everywhere: {advice(name)}"
            yield _wrong(f"{manifests.head.ray_place}.env {words}")


def _flags(group: Group) -> Mapping[str, str]:
    return {name: each["value"] for name, each in group.env.items() if "value" in each}


def _flag(flags: Mapping[str, str], name: str) -> str:
    return f"{name}={flags[name]}" if name in flags else f"no {name}"


def lichess_token(manifests: Manifests) -> Iterator[Finding]:
    """The head listens with the Lichess token and each worker moves with it, from a Secret."""
    file = manifests.settings.lichess.token_file
    for group in manifests.groups:
        variable, place = group.env.get(TOKEN_VARIABLE, {}), f"{group.ray_place}.env of {group}"
        source = below(variable, "valueFrom", "secretKeyRef")
        mounts = [each["mountPath"] for each in items(group.ray, "volumeMounts")]
        is_mounted = file and any(PurePosixPath(file).is_relative_to(each) for each in mounts)
        if variable.get("value"):
            yield _wrong(
                f"{place} holds what {TOKEN_VARIABLE} shall be, for everybody to read: put it into "
                "a Secret and name that in valueFrom.secretKeyRef"
            )
        elif below(source, "optional") or not (source or is_mounted or "envFrom" in group.ray):
            yield _wrong(
                f"{place} lacks the Lichess token: add {TOKEN_VARIABLE} with "
                "valueFrom.secretKeyRef (name crabstick-tokens, key lichess), and not optional"
            )


def _wrong(words: str) -> Finding:
    return Finding(words, ConfigError)
