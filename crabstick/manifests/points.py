"""The points that are looked at in manifests, in the order in which they are told."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from crabstick.errors import ConfigError, CrabstickError, EnvironmentProblem
from crabstick.manifests.bot_settings import BotSettings, find_settings, reach
from crabstick.manifests.bundle import Bundle
from crabstick.manifests.faults import Fault, Finding, Route
from crabstick.manifests.fields import KUBERAY, OBJECTS
from crabstick.manifests.rules.gates import gate_rules
from crabstick.manifests.rules.groups import drains, names, room, told_drains, told_room, variables
from crabstick.manifests.rules.jobs import jobs, other_tokens, told_jobs
from crabstick.manifests.rules.kuberay import operator_rules
from crabstick.manifests.rules.network import cut_off, told_network
from crabstick.manifests.rules.pods import (
    budgets,
    images,
    labels,
    lifetime,
    mounts,
    repeated,
    requests,
)
from crabstick.manifests.rules.ray import (
    authentication,
    autoscaler,
    head,
    told_nodes,
    told_versions,
    versions,
)
from crabstick.manifests.rules.references import nameless, namespaces, references
from crabstick.manifests.rules.secret import contents, secrets, told_secrets
from crabstick.manifests.rules.security import admission
from crabstick.manifests.rules.selector import selectors
from crabstick.manifests.rules.start import kubernetes_api, probes, scratch
from crabstick.manifests.rules.store import redis_password
from crabstick.manifests.rules.tokens import lichess_token, written_secrets

__all__ = ["look"]

_Rule = Callable[[Bundle], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class _Point:
    """`well` is what is said when no rule finds anything."""

    subject: str
    rules: tuple[_Rule, ...]
    well: Callable[[Bundle], str]


def _fields(bundle: Bundle) -> Iterator[Finding]:
    yield from bundle.faults


def _told_fields(bundle: Bundle) -> str:
    others = " and to Kubernetes" * any(each.kind in OBJECTS for each in bundle.documents)
    return f"all are known to {KUBERAY}{others}"


_AFTER_FIELDS = "to be judged when the fields are right"
_POINTS = (
    _Point("fields", (_fields,), _told_fields),
    _Point("operator", (operator_rules, gate_rules), lambda _: "refuses nothing"),
    _Point(
        "Pods",
        (
            images,
            requests,
            mounts,
            scratch,
            probes,
            repeated,
            labels,
            selectors,
            nameless,
            references,
            namespaces,
            lifetime,
            budgets,
        ),
        lambda _: "a changed manifest ends none of them",
    ),
    _Point("Pod security", (admission,), lambda _: "let into a namespace labelled restricted"),
    _Point("Ray", (versions,), told_versions),
    _Point("head", (head,), lambda _: "plays no games"),
    _Point("autoscaler", (autoscaler, names, kubernetes_api), told_nodes),
    _Point("authentication", (authentication,), lambda _: "by token"),
    _Point("jobs", (jobs, other_tokens), told_jobs),
    _Point("network", (cut_off,), told_network),
    _Point("room", (room,), told_room),
    _Point("drains", (drains,), told_drains),
    _Point("variables", (variables,), lambda _: "Ray's own are alike on head and workers"),
    _Point("Lichess token", (lichess_token,), lambda _: "on the head and on every worker"),
    _Point("Secrets", (secrets, contents, written_secrets, redis_password), told_secrets),
)


def look(
    bundle: Bundle, *, is_named: bool, where: Callable[[Fault], str] = lambda _: ""
) -> Iterator[tuple[str, str | CrabstickError]]:
    """Each point, with what is well there, what is good to know, or what is wrong.

    Args:
        bundle: the manifests; the settings in it hold when they bring none.
        is_named: whether those settings hold in any case.
        where: what to say of a fault's place in the text.
    """
    found = BotSettings() if is_named else find_settings(bundle)
    bundle = replace(bundle, has_settings=is_named)
    if found.settings is not None:
        bundle = replace(bundle, settings=found.settings, has_settings=True)
    findings = [*found.findings, *reach(bundle)]
    own = "those of this command" + "; --config names the bot's" * (not is_named)
    yield from _told("settings", findings, found.told or own, where)
    for point in _POINTS:
        yield from _judged(point, bundle, where)


def _judged(
    point: _Point, bundle: Bundle, where: Callable[[Fault], str]
) -> Iterator[tuple[str, str | CrabstickError]]:
    findings = [finding for rule in point.rules for finding in rule(bundle)]
    news = findings if point.rules == (_fields,) else [*_news(findings, bundle)]
    if not findings:
        yield point.subject, point.well(bundle)
    else:
        yield from _told(point.subject, news, _AFTER_FIELDS, where)


def _news(findings: list[Finding], bundle: Bundle) -> Iterator[Finding]:
    """Without the faults at places where a field is wrong already: one mistake, one sentence."""
    wrong = {(fault.owner, fault.route) for fault in bundle.faults if fault.route}
    for finding in findings:
        if not isinstance(finding, Fault) or not wrong & {*_around(finding)}:
            yield finding


def _around(fault: Fault) -> Iterator[tuple[str, Route]]:
    """Its place, and each that it lies in."""
    for end in range(len(fault.route) + 1):
        yield fault.owner, fault.route[:end]


def _told(
    subject: str, findings: list[Finding], well: str, where: Callable[[Fault], str]
) -> Iterator[tuple[str, str | CrabstickError]]:
    if not findings:
        yield subject, well
    for finding in findings:
        if not isinstance(finding, Fault):
            yield subject, finding.words
            continue
        kind = EnvironmentProblem if finding.is_elsewhere else ConfigError
        yield subject, kind(f"{where(finding)}{finding}")
