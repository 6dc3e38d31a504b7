"""What a process is, as Ray 2.60 names them; the real ones are read by `make bench`."""

import pytest

from benchmarks.footprint import KINDS, OTHER, Reading, kind_of, summed

RAY = "/venv/lib/python3.11/site-packages/ray"
COMMANDS = {
    "crabstick up": "/venv/bin/python -m crabstick up --small",
    "supervisor": "/venv/bin/python -P -m actors.local_ray.supervisor crabstick@ab {}",
    "leader of Ray": "/bin/sh -c while sleep 86400; do :; done stays-for crabstick@ab",
    "GCS": f"{RAY}/core/src/ray/gcs/gcs_server --log_dir=/tmp/ray/session/logs",
    "raylet": f"{RAY}/core/src/ray/raylet/raylet --raylet_socket_name=/tmp/ray/raylet "
    f"--python_worker_command=python {RAY}/_private/workers/default_worker.py",
    "dashboard": f"/venv/bin/python {RAY}/dashboard/dashboard.py --host=127.0.0.1",
    "its agent": "ray::DashboardAgent",
    "runtime environments": "ray::RuntimeEnvAgent",
    "idle workers": "ray::IDLE",
    "Serve": "ray::ServeReplica:crabstick:HttpEndpoints",
    "WorkerSet": "ray::WorkerSet.statistics",
    "EventListener": "ray::EventListener",
    "engine actor": "ray::standby",
    "its engine": "/venv/bin/python -P -m engine.fairy",
}


@pytest.mark.parametrize(("kind", "command"), COMMANDS.items(), ids=list(COMMANDS))
def test_a_process_is_known_by_its_command_line(kind: str, command: str) -> None:
    assert kind_of(command) == kind
    assert list(COMMANDS) == list(KINDS)


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("dashboard", "ray-dashboard-NodeHead-0 (/venv/bin/python -B -c ...)"),
        ("dashboard", "/venv/bin/python -B -c from multiprocessing.forkserver import main"),
        ("Serve", "ray::ServeController.listen_for_change"),
        ("Serve", "ray::ProxyActor"),
        ("its agent", f"/venv/bin/python -u {RAY}/dashboard/agent.py --node-id=1"),
        ("idle workers", f"/venv/bin/python {RAY}/_private/workers/default_worker.py --x"),
        (OTHER, "/bin/sh"),
    ],
)
def test_kinds_have_more_than_one_face(kind: str, command: str) -> None:
    assert kind_of(command) == kind


def test_readings_add_up() -> None:
    one = Reading(kind="a", processes=1, uss_mib=2, pss_mib=3, cpu_ms=4)
    two = Reading(kind="b", processes=2, uss_mib=4, pss_mib=6, cpu_ms=8)
    assert summed("c", [one, two]) == Reading(
        kind="c", processes=3, uss_mib=6, pss_mib=9, cpu_ms=12
    )
    assert summed("c", []) == Reading(kind="c", processes=0, uss_mib=0, pss_mib=0, cpu_ms=0)
