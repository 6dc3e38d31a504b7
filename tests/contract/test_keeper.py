"""The Deployment that keeps the bot up: its Pod, its script run for real, and whom it asks."""

import os
import re
import subprocess
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml

from crabstick.settings import Settings
from tests.contract.crd_schema import pod_template_problems
from tests.contract.manifests import (
    containers,
    keeper,
    part,
    ray_cluster,
    rendered,
    spoiled,
)

HEAD_CONTAINER = "spec.headGroupSpec.template.spec.containers.0"
# Stands for `ray`, `python` and `sleep`: notes its call, takes its next exit status from a file,
# and ends the keeper's shell when there is none left.
STAND_IN = """#!/bin/sh
me=$(basename "$0")
cd "$STAGE"
echo "$me" >> calls
status=$(head -n 1 "$me.statuses")
[ -n "$status" ] || kill -9 $PPID
sed -i 1d "$me.statuses"
exit $status
"""


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    for name in ("ray", "python", "sleep"):
        (tmp_path / name).write_text(STAND_IN)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "timeout").write_text('#!/bin/sh\nshift\nexec "$@"\n')
    (tmp_path / "timeout").chmod(0o755)
    return tmp_path


def calls_of_the_keeper(stage: Path, *, ray: str, python: str) -> list[str]:
    """What the script runs while these are the exit statuses of its commands, in order."""
    for name, statuses in (("ray", ray), ("python", python), ("sleep", "0" * 99)):
        (stage / f"{name}.statuses").write_text("".join(f"{status}\n" for status in statuses))
    (container,) = containers(keeper())
    environment = {"PATH": f"{stage}:{os.environ['PATH']}", "STAGE": str(stage)}
    command = [*container["command"], *container["args"]]
    subprocess.run(command, env=environment, timeout=60, check=False)
    return (stage / "calls").read_text().split()


def test_the_keeper_submits_at_its_start_and_then_only_asks(stage: Path) -> None:
    calls = calls_of_the_keeper(stage, ray="0", python="00")
    assert calls == ["ray", "sleep", "python", "sleep", "python", "sleep", "python"]


def test_the_keeper_tries_until_a_submission_succeeds(stage: Path) -> None:
    calls = calls_of_the_keeper(stage, ray="110", python="")
    assert calls == ["ray", "sleep", "ray", "sleep", "ray", "sleep", "python"]


def test_the_keeper_submits_again_while_the_bot_is_not_there(stage: Path) -> None:
    calls = calls_of_the_keeper(stage, ray="010", python="110")
    again = ["sleep", "python", "ray"]
    assert calls == ["ray", *again, *again, "sleep", "python", "sleep", "python"]


def test_the_keepers_pod_fits_kubernetes_schema_of_a_pod() -> None:
    assert pod_template_problems(keeper()["spec"]["template"]) == []


def test_a_mistake_in_the_keepers_pod_breaks_kubernetes_schema_of_a_pod() -> None:
    template = spoiled(keeper()["spec"]["template"], "spec.terminationGracePeriod", 1)
    assert "'terminationGracePeriod' was unexpected" in pod_template_problems(template)[0]


def test_the_keeper_asks_services_and_mounts_that_exist() -> None:
    (script,) = next(containers(keeper()))["args"]
    (service,) = [manifest for manifest in rendered() if manifest["kind"] == "Service"]
    host, port = service["metadata"]["name"], service["spec"]["ports"][0]["port"]
    asked = re.findall(r"http://([\w.-]+):(\d+)", script)
    assert asked == [(f"{ray_cluster()['metadata']['name']}-head-svc", "8265"), (host, str(port))]
    mount = part(ray_cluster(), HEAD_CONTAINER)["volumeMounts"][0]["mountPath"]
    (config,) = [manifest for manifest in rendered() if manifest["kind"] == "ConfigMap"]
    assert [f"{mount}/{name}" for name in config["data"]] == re.findall(r"--config (\S+)", script)


def test_the_http_service_reaches_the_head_alone_since_only_it_runs_a_proxy() -> None:
    (service,) = [manifest for manifest in rendered() if manifest["kind"] == "Service"]
    wanted = {"ray.io/cluster": "crabstick", "ray.io/node-type": "head"}
    assert service["spec"]["selector"] == wanted
    ports = part(ray_cluster(), HEAD_CONTAINER)["ports"]
    assert service["spec"]["ports"][0]["targetPort"] in [port["containerPort"] for port in ports]
    annotations = ray_cluster()["metadata"].get("annotations", {})
    assert "ray.io/enable-serve-service" not in annotations  # it would select workers as well


def test_the_bots_settings_open_the_port_that_the_http_service_asks_for() -> None:
    (config,) = [manifest for manifest in rendered() if manifest["kind"] == "ConfigMap"]
    http = Settings.model_validate(yaml.safe_load(config["data"]["bot.yaml"])).http
    ports = part(ray_cluster(), HEAD_CONTAINER)["ports"]
    assert {"name": "serve", "containerPort": http.port} in ports
    assert ip_address(http.host).is_unspecified


def test_two_keepers_never_run_at_once() -> None:
    assert (keeper()["spec"]["replicas"], keeper()["spec"]["strategy"]) == (1, {"type": "Recreate"})
