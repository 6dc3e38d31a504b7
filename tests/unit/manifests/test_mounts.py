"""A mount is of a volume that its Pod has, or that the operator adds to that very Pod."""

import pytest

from tests.unit.manifests.clusters import LOCKED, Manifest, a_cluster, a_pod, problems, spoiled

POD = "template.spec"
HEAD = "spec.headGroupSpec"
GAME = "spec.workerGroupSpecs.0"
AUTOSCALER = "spec.autoscalerOptions"
LABELS = {"app": "mine"}


def mounting(name: str, group: str, cluster: Manifest | None = None) -> Manifest:
    """The cluster with a sidecar beside Ray that mounts the volume."""
    sidecar = {
        "name": "logs",
        "image": "grafana/alloy:v1",
        "securityContext": dict(LOCKED),
        "volumeMounts": [{"name": name, "mountPath": "/logs"}],
    }
    return spoiled(f"{group}.{POD}.containers.+", sidecar, cluster)


def another(kind: str, *mounts: str, **changes: object) -> Manifest:
    """An object beside the cluster whose container mounts these volumes too."""
    template = {"metadata": {"labels": LABELS}, "spec": a_pod()}
    (container,) = template["spec"]["containers"]
    container["volumeMounts"] += [{"name": name, "mountPath": f"/{name}"} for name in mounts]
    spec = {"selector": {"matchLabels": LABELS}, "template": template, **changes}
    return {"kind": kind, "metadata": {"name": "mine", "namespace": "crabstick"}, "spec": spec}


@pytest.mark.parametrize("group", [HEAD, GAME])
def test_every_ray_pod_has_shared_memory(group: str) -> None:
    assert problems(mounting("shared-mem", group)) == []


def test_the_head_of_an_autoscaler_has_ray_s_logs() -> None:
    assert problems(mounting("ray-logs", HEAD)) == []
    mounts = [{"name": "ray-logs", "mountPath": "/logs"}]
    assert problems(spoiled(f"{AUTOSCALER}.volumeMounts", mounts)) == []


def test_without_an_autoscaler_the_head_has_no_volume_of_ray_s_logs() -> None:
    alone = spoiled("spec.enableInTreeAutoscaling", value=False)
    first, _ = problems(mounting("ray-logs", HEAD, alone))
    assert "containers[1].volumeMounts[0].name is 'ray-logs', which the operator adds to" in first


def test_a_worker_has_no_volume_of_ray_s_logs() -> None:
    (found,) = problems(mounting("ray-logs", GAME))
    assert found == (
        "Pods: spec.workerGroupSpecs[0].template.spec.containers[1].volumeMounts[0].name is "
        "'ray-logs', which the operator adds to the head alone, and only with an autoscaler: mount "
        "tmp or a volume that you add to this Pod"
    )


def test_a_worker_may_have_a_volume_of_its_own_by_that_name() -> None:
    own = spoiled(f"{GAME}.{POD}.volumes.+", {"name": "ray-logs", "emptyDir": {}})
    assert problems(mounting("ray-logs", GAME, own)) == []


def test_with_a_collector_of_logs_every_ray_pod_has_them() -> None:
    cluster = mounting("ray-logs", GAME, a_cluster(historyServerOptions={}))
    assert [each for each in problems(cluster) if "volumeMounts" in each] == []


@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet", "StatefulSet", "Job"])
@pytest.mark.parametrize(
    ("volume", "words"),
    [
        ("ray-logs", "which the operator adds to the head alone, and only with an autoscaler: "),
        ("shared-mem", "which the operator adds to head and workers alone: mount tmp or"),
    ],
)
def test_a_pod_that_is_not_ray_s_has_none_of_the_operator_s(
    kind: str, volume: str, words: str
) -> None:
    (found,) = problems(a_cluster(), another(kind, volume))
    place = f"{kind} mine, spec.template.spec.containers[0].volumeMounts[1].name"
    assert found.startswith(f"Pods: {place} is '{volume}', {words}")


def test_a_stateful_set_mounts_what_it_claims() -> None:
    claims = [{"metadata": {"name": "data"}}]
    assert problems(a_cluster(), another("StatefulSet", "data", volumeClaimTemplates=claims)) == []
    (found,) = problems(
        a_cluster(), another("StatefulSet", "data", "date", volumeClaimTemplates=claims)
    )
    assert found.endswith("is 'date', and its Pod has no volume of that name; did you mean data?")


def test_a_pod_without_volumes_is_told_so() -> None:
    thing = another("Deployment", "ray-logs", "x")
    thing["spec"]["template"]["spec"] |= {"volumes": []}
    found = problems(a_cluster(), thing)
    assert found[1].endswith("an autoscaler: mount a volume that you add to this Pod")
    assert found[2].endswith("and its Pod has no volume of that name; it has none at all")
