"""The monitoring component as values, and which metrics a PromQL expression asks for."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from crabstick.telemetry.metric_definitions import METRICS

Part = dict[str, Any]

COMPONENT = Path(__file__).resolve().parents[3] / "kuberay" / "components" / "monitoring"
DASHBOARD = COMPONENT / "crabstick-dashboard.json"
SAMPLES = {"gauge": ("",), "counter": ("",), "histogram": ("_bucket", "_sum", "_count")}
OURS = frozenset(
    name + suffix for name, metric in METRICS.items() for suffix in SAMPLES[metric.kind]
)
"""Every name under which Prometheus keeps a metric of ours."""

_NOISE = re.compile(
    r"""
    "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*'   # strings
    | \{[^{}]*\} | \[[^\[\]]*\]             # labels, ranges
    | \b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)
    | \$\{?\w+\}?                           # Grafana's variables
    """,
    re.VERBOSE,
)
_NAME = re.compile(r"(?<![\w.])[A-Za-z_:][\w:]*(?!\w*\s*\()")
_WORDS = frozenset({"and", "or", "unless", "bool", "offset", "inf", "nan"})


def documents(name: str) -> list[Part]:
    """The YAML documents of a file of the component."""
    return list(yaml.safe_load_all((COMPONENT / name).read_text(encoding="utf-8")))


def document(name: str) -> Part:
    """The only YAML document of a file."""
    (found,) = documents(name)
    return found


@cache
def rule_file() -> Part:
    """What the PrometheusRule gives to Prometheus: a rule file as it stands."""
    spec: Part = document("alerts.yaml")["spec"]
    return spec


def alerts() -> dict[str, Part]:
    """The alerts by their names."""
    rules = [rule for group in rule_file()["groups"] for rule in group["rules"]]
    found = {rule["alert"]: rule for rule in rules}
    assert len(found) == len(rules), "two alerts have one name"
    return found


@cache
def dashboard() -> Part:
    """The Grafana dashboard."""
    found: Part = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


def panels() -> Iterator[Part]:
    """The panels of the dashboard, those of collapsed rows as well."""
    for panel in dashboard()["panels"]:
        yield panel
        yield from panel.get("panels", ())


def expressions() -> dict[str, str]:
    """Every expression of dashboard and alerts, by where it stands."""
    found = {f"alert {name}": rule["expr"] for name, rule in alerts().items()}
    for panel in panels():
        for target in panel.get("targets", ()):
            found[f"panel {panel['id']} {panel['title']}, {target['refId']}"] = target["expr"]
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            found[f"variable {variable['name']}"] = _selector(variable["query"]["query"])
    for annotation in dashboard()["annotations"]["list"]:
        if "expr" in annotation:
            found[f"annotation {annotation['name']}"] = annotation["expr"]
    return found


def metrics_in(expression: str) -> set[str]:
    """The names of the metrics that PromQL reads."""
    bare, before = expression, ""
    while bare != before:
        bare, before = _NOISE.sub(" ", bare), bare
    return {name for name in _NAME.findall(bare) if name.lower() not in _WORDS}


def _selector(query: str) -> str:
    """The series of Grafana's `label_values(series, label)`."""
    found = re.fullmatch(r"label_values\((.*), (\w+)\)", query)
    assert found is not None, f"{query} is no label_values(series, label)"
    return found[1]
