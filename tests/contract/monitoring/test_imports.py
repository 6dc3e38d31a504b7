import subprocess
import sys

ACTORS = ", ".join(
    f"actors.{name}.{name}" for name in ("engine_actor", "event_listener", "worker_set")
)
"""The WorkerSet too: an EngineActor imports its modules with the handle that it gets."""


def test_no_actor_imports_prometheus_client() -> None:
    code = f"import sys, {ACTORS}; print('prometheus_client' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "False"
