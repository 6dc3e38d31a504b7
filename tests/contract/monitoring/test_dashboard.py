"""The Grafana dashboard: one that Grafana can load, and that shows what there is."""

import json
import re
from importlib import resources
from pathlib import Path

import pytest
from ray.dashboard.modules.metrics import grafana_dashboard_factory

from tests.contract.monitoring.parts import (
    OURS,
    Part,
    dashboard,
    expressions,
    metrics_in,
    panels,
)
from tests.contract.monitoring.promtool import CLUSTER, POD, SAMPLE_EVERY, run, series_of

SHOWN_KINDS = {"row", "stat", "timeseries"}
GRAFANAS_OWN = {"__range", "__range_s", "__rate_interval", "__interval"}
PROMETHEUS_OWN = {"up", "ALERTS"}
VARIABLE = re.compile(r"\$\{?(\w+)\}?")


def variables() -> dict[str, Part]:
    return {variable["name"]: variable for variable in dashboard()["templating"]["list"]}


def rays_variables() -> dict[str, Part]:
    """Those of Ray's own default dashboard, as this version of Ray writes it."""
    text, _ = grafana_dashboard_factory.generate_default_grafana_dashboard()
    found: list[Part] = json.loads(text)["templating"]["list"]
    return {variable["name"]: variable for variable in found}


@pytest.mark.parametrize("place", expressions())
def test_every_metric_that_is_asked_for_exists(place: str) -> None:
    asked = metrics_in(expressions()[place])
    assert asked
    foreign = {name for name in asked if name.startswith(("ray_", "autoscaler_"))}
    assert asked - foreign - PROMETHEUS_OWN <= OURS
    assert foreign <= rays_metrics()


def rays_metrics() -> set[str]:
    """What Ray's own dashboards ask for."""
    folder = resources.files("ray.dashboard.modules.metrics.dashboards")
    texts = [f.read_text() for f in folder.iterdir() if f.name.endswith((".py", ".json"))]
    return {name for text in texts for name in re.findall(r"\b(?:ray|autoscaler)_\w+", text)}


def test_every_metric_of_ours_is_shown_or_watched() -> None:
    asked = {name for expression in expressions().values() for name in metrics_in(expression)}
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in OURS} <= shown


def test_each_panel_says_what_it_shows_in_which_unit() -> None:
    for panel in panels():
        assert panel["type"] in SHOWN_KINDS
        if panel["type"] == "row":
            continue
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        refs = [target["refId"] for target in panel["targets"]]
        assert refs == sorted(set(refs))
        assert refs


def test_everything_comes_from_the_data_source_that_is_chosen() -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in panels():
        for part in [panel, *panel["targets"]] if panel["type"] != "row" else []:
            assert part["datasource"] == chosen
    queried = [variable for variable in variables().values() if variable["type"] == "query"]
    assert [variable["datasource"] for variable in queried] == [chosen] * len(queried)


def test_every_variable_that_is_used_exists_and_the_other_way_round() -> None:
    used = {name for text in expressions().values() for name in VARIABLE.findall(text)}
    assert used - GRAFANAS_OWN <= variables().keys()
    assert variables().keys() == (used - GRAFANAS_OWN) | {"datasource"}


@pytest.mark.parametrize("name", ["datasource", "Cluster", "SessionName"])
def test_variables_are_those_of_rays_own_dashboards(name: str) -> None:
    ours, rays = variables()[name], rays_variables()[name]
    for key in ("type", "includeAll", "multi", "allValue"):
        assert ours.get(key) == rays.get(key)


def test_every_query_is_for_the_chosen_cluster_only() -> None:
    for panel in panels():
        for target in panel.get("targets", ()):
            selectors = re.findall(r"\w+\{([^}]*)\}", target["expr"])
            assert selectors
            assert all('ray_io_cluster=~"$Cluster"' in selector for selector in selectors)
            if "ray_node" in target["expr"]:
                assert 'SessionName=~"$SessionName"' in target["expr"]


@pytest.mark.parametrize(
    ("at", "is_marked"), [("3m", False), ("3m15s", True), ("3m45s", True), ("6m", False)]
)
def test_a_start_of_the_worker_set_is_marked_for_a_moment(
    at: str, tmp_path: Path, *, is_marked: bool
) -> None:
    """The window is longer than a step, or Prometheus 3, which leaves its beginning out, sees one
    sample in it and no change.
    """
    asked = expressions()["annotation WorkerSet started"].replace("$Cluster", "crabstick")
    samples = [{"labels": "{}", "value": 1}] if is_marked else []
    test = {
        "interval": SAMPLE_EVERY,
        "input_series": series_of({"crabstick_start_time_seconds": "1x12 9x40"}, CLUSTER, POD),
        "promql_expr_test": [
            {
                "expr": asked.replace("$__rate_interval", "1m"),  # Grafana's least
                "eval_time": at,
                "exp_samples": samples,
            }
        ],
    }
    assert run(tmp_path, test) == ""
