"""The Deployment that keeps the bot up: its script, run for real, and whom it asks."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.contract.kuberay.rendered import OVERLAYS, named, ray_cluster
from tests.contract.manifests import Manifest, part

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


def container() -> Manifest:
    (only,) = part(named("base", "Deployment", "crabstick-keeper"), "spec.template.spec.containers")
    found: Manifest = only
    return found


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    for name in ("ray", "python", "sleep"):
        (tmp_path / name).write_text(STAND_IN)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "timeout").write_text('#!/bin/sh\nshift\nexec "$@"\n')
    (tmp_path / "timeout").chmod(0o755)
    return tmp_path


def run_keeper(stage: Path, *, ray: str, python: str) -> tuple[list[str], str]:
    """What the script calls and prints while its commands end with these statuses, in order."""
    for name, statuses in (("ray", ray), ("python", python), ("sleep", "0" * 99)):
        (stage / f"{name}.statuses").write_text("".join(f"{status}\n" for status in statuses))
    environment = {"PATH": f"{stage}:{os.environ['PATH']}", "STAGE": str(stage)}
    command = [*container()["command"], *container()["args"]]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return (stage / "calls").read_text().split(), done.stdout + done.stderr


UP = ["python", "ray"]
"""The head answers, and the job is submitted."""
UNREADY = ["sleep", "python", "python"]
"""The bot lives and does not hear Lichess."""


def test_the_keeper_submits_at_its_start_and_then_only_asks(stage: Path) -> None:
    calls, _ = run_keeper(stage, ray="0", python="000")
    assert calls == [*UP, *["sleep", "python"] * 3]


def test_a_head_that_does_not_listen_yet_is_one_line_a_try(stage: Path) -> None:
    calls, said = run_keeper(stage, ray="0", python="110")
    assert calls == ["python", "sleep", "python", "sleep", *UP, "sleep", "python"]
    assert said.splitlines() == ["crabstick-head-svc:8265 does not answer yet"] * 2


def test_the_keeper_tries_until_a_submission_succeeds(stage: Path) -> None:
    calls, _ = run_keeper(stage, ray="110", python="000")
    assert calls == [*UP, "sleep", *UP, "sleep", *UP, "sleep", "python"]


def test_the_keeper_submits_again_while_the_bot_is_not_there(stage: Path) -> None:
    calls, _ = run_keeper(stage, ray="010", python="0" + "110" * 2 + "0")
    again = ["sleep", "python", "python", *UP]
    assert calls == [*UP, *again, *again, *["sleep", "python"] * 2]


def test_the_keeper_leaves_a_bot_alone_that_has_not_heard_lichess_for_a_while(stage: Path) -> None:
    calls, _ = run_keeper(stage, ray="0", python="0" + "10" * 11 + "0")
    assert calls == [*UP, *UNREADY * 11, *["sleep", "python"] * 2]


def test_the_keeper_submits_again_when_lichess_was_not_heard_for_minutes(stage: Path) -> None:
    calls, _ = run_keeper(stage, ray="01", python="0" + "10" * 12 + "0" + "10")
    assert calls == [*UP, *UNREADY * 12, *UP, *UNREADY, "sleep", "python"]


def test_every_step_of_the_keeper_but_its_rests_has_an_end() -> None:
    (script,) = container()["args"]
    started = re.findall(r"(\S+ \S+ )(?:ray job|python -c)", script)
    assert [before.split()[0] for before in started] == ["timeout", "timeout"]


@pytest.mark.parametrize("case", OVERLAYS)
def test_the_keeper_asks_services_and_mounts_that_exist(case: str) -> None:
    (script,) = container()["args"]
    service = named(case, "Service", "crabstick-http")
    host, port = service["metadata"]["name"], service["spec"]["ports"][0]["port"]
    asked = re.findall(r"http://([\w.-]+):(\d+)", script)
    head_service = f"{ray_cluster(case)['metadata']['name']}-head-svc"
    assert set(asked) == {(head_service, "8265"), (host, str(port))}
    mounts = part(ray_cluster(case), HEAD_CONTAINER)["volumeMounts"]
    (folder,) = [mount["mountPath"] for mount in mounts if mount["name"] == "config"]
    config = named(case, "ConfigMap", "crabstick-config")
    assert [f"{folder}/{name}" for name in config["data"]] == re.findall(r"--config (\S+)", script)


@pytest.mark.parametrize("case", OVERLAYS)
def test_the_secret_that_the_keeper_waits_for_is_called_as_the_cluster(case: str) -> None:
    (variable,) = [each for each in container()["env"] if each["name"] == "RAY_AUTH_TOKEN"]
    wanted = {"name": ray_cluster(case)["metadata"]["name"], "key": "auth_token"}
    assert variable["valueFrom"]["secretKeyRef"] == wanted
