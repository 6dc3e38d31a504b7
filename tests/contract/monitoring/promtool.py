"""A bot as Prometheus sees it, and `promtool`, which fires our alerts on what may happen to it."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.monitoring.parts import alerts, rule_file

CLUSTER = {"ray_io_cluster": "crabstick", "namespace": "games"}
OTHER_CLUSTER = {"ray_io_cluster": "spare", "namespace": "games"}
POD = {"job": "crabstick-http", "instance": "10.0.0.1:8000", "pod": "crabstick-head-x"}
NEXT_POD = {**POD, "instance": "10.0.0.2:8000", "pod": "crabstick-head-y"}
SAMPLE_EVERY = "15s"
LONG = 480  # samples: two hours

Series = dict[str, str]
"""Prometheus's notation for what a series does: by its name, and its labels where it has some."""

HEALTHY: Series = {
    "up": f"1x{LONG}",
    'crabstick_game_wait_seconds{state="new"}': f"0x{LONG}",
    'crabstick_game_wait_seconds{state="begun"}': f"0x{LONG}",
    "crabstick_games_forfeited_total": f"0x{LONG}",
    "crabstick_games_lost_on_time_total": f"0x{LONG}",
    'crabstick_move_overhead_seconds_bucket{le="0.01"}': f"0+9x{LONG}",
    'crabstick_move_overhead_seconds_bucket{le="0.2"}': f"0+10x{LONG}",
    'crabstick_move_overhead_seconds_bucket{le="0.5"}': f"0+10x{LONG}",
    'crabstick_move_overhead_seconds_bucket{le="+Inf"}': f"0+10x{LONG}",
    "crabstick_takeovers_total": f"0x{LONG}",
    "crabstick_handovers_total": f"0x{LONG}",
    "crabstick_event_stream_age_seconds": " ".join(["1 3 5 0"] * (LONG // 4)),
    'crabstick_stream_reconnects_total{stream="event"}': f"0x{LONG}",
    'crabstick_stream_reconnects_total{stream="game"}': f"0+1x{LONG}",
    'crabstick_rate_limited_total{endpoint="move"}': f"0x{LONG}",
    'crabstick_rate_limited_total{endpoint="bot_game"}': f"0x{LONG}",
    'crabstick_rate_limit_wait_seconds{endpoint="move"}': f"0x{LONG}",
    'crabstick_rate_limit_wait_seconds{endpoint="bot_game"}': f"0x{LONG}",
    'crabstick_challenges_total{outcome="accepted"}': f"0+5x{LONG}",
    'crabstick_challenges_total{outcome="failed"}': f"0x{LONG}",
    "crabstick_engine_restarts_total": f"0x{LONG}",
    "crabstick_engine_fallbacks_total": f"0x{LONG}",
    'crabstick_actors_lost_total{state="starting"}': f"0x{LONG}",
    'crabstick_actors_lost_total{state="useless"}': f"0x{LONG}",
    'crabstick_actors_lost_total{state="busy"}': f"0x{LONG}",
    "crabstick_problem": f"0x{LONG}",
    "crabstick_actor_start_seconds": " ".join(["0 1 0 0"] * (LONG // 4)),
    "crabstick_games_on_draining_nodes": f"0x{LONG}",
    'crabstick_drain_age_seconds{state="busy"}': f"0x{LONG}",
    'crabstick_drain_age_seconds{state="empty"}': f"0x{LONG}",
    "crabstick_start_time_seconds": f"1700000000x{LONG}",
}
"""A bot with which all is well, for two hours."""


def series_of(values: Series, cluster: Mapping[str, str], pod: Mapping[str, str]) -> list[Any]:
    """In the notation of promtool, with the labels that come with the scraping."""
    found = []
    for name, course in values.items():
        bare, _, own = name.rstrip("}").partition("{")
        targets = [f'{key}="{value}"' for key, value in {**cluster, **pod}.items()]
        labels = ", ".join([*([own] if own else []), *targets])
        found.append({"series": f"{bare}{{{labels}}}", "values": course})
    return found


def expectation(alert: str, at: str, labels: Mapping[str, str] | None) -> dict[str, Any]:
    """That the alert fires with these labels, and no others; None: that it does not."""
    rule = alerts()[alert]
    firing = {"alertname": alert, "alertstate": "firing", **rule["labels"], **(labels or {})}
    shown = ", ".join(f'{key}="{value}"' for key, value in firing.items())
    return {
        "expr": f'ALERTS{{alertname="{alert}", alertstate="firing"}}',
        "eval_time": at,
        "exp_samples": [{"labels": f"ALERTS{{{shown}}}", "value": 1}] if labels else [],
    }


def run(folder: Path, *tests: dict[str, Any]) -> str:
    """What promtool says of tests of our rules; empty when all hold."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian: prometheus), so no alert can be fired")
    (folder / "rules.yaml").write_text(yaml.safe_dump(rule_file()))
    tests_of_it = {"rule_files": ["rules.yaml"], "evaluation_interval": "15s", "tests": list(tests)}
    (folder / "tests.yaml").write_text(yaml.safe_dump(tests_of_it))
    command = ["promtool", "test", "rules", str(folder / "tests.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr
