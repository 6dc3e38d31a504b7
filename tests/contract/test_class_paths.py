"""A handle names its actor's class: processes of other versions import the class by that path."""

import pickle
import subprocess
import sys

import pytest
from ray import cloudpickle

from actors.cluster import _remote
from actors.engine_actor.engine_actor import EngineActor
from actors.event_listener.event_listener import EventListener
from actors.worker_set.worker_set import WorkerSet

PATHS = [
    (WorkerSet, "actors.worker_set"),
    (EngineActor, "actors.engine_actor"),
    (EventListener, "actors.event_listener"),
]


@pytest.mark.parametrize(("actor", "module"), PATHS)
def test_the_path_of_a_class_stays(actor: type, module: str) -> None:
    protocol_0 = pickle.dumps(actor, protocol=0)
    assert protocol_0.startswith(f"c{module}\n{actor.__name__}\n".encode())
    assert pickle.loads(protocol_0) is actor  # noqa: S301 -- our own
    assert cloudpickle.loads(cloudpickle.dumps(actor)) is actor  # type: ignore[no-untyped-call]  # Ray's
    assert _remote(actor).__ray_metadata__.modified_class is actor  # what Ray sends
    described = _remote(actor).__ray_metadata__.actor_creation_function_descriptor
    assert (described.module_name, described.class_name) == (module, actor.__name__)


def test_the_stubs_and_the_other_modules_load_no_actor() -> None:
    code = (
        "import sys, actors.clients, actors.worker_set.telemetry, actors.event_listener.outbox\n"
        "import actors.engine_actor.self_report\n"
        "print([name for name in sys.modules if name in sys.argv[1:]])"
    )
    classes = [f"{module}.{module.removeprefix('actors.')}" for _, module in PATHS]
    done = subprocess.run(
        [sys.executable, "-c", code, *classes],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "[]"
