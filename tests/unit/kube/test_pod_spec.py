from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.kube.objects import HEAD, Manifest
from tests.kube.pod_spec import Addresses, pod_for
from tests.unit.kube.builders import a_cluster, a_group

OWN = Addresses(head="10.0.0.1", gcs_port=6379, port=lambda usual: usual)


def a_worker(**fields: Any) -> Manifest:
    return pod_for(a_cluster(a_group(**fields)), "game", "abcde", OWN)


def a_head(**spec: Any) -> Manifest:
    return pod_for(a_cluster(a_group(), **spec), HEAD, "abcde", OWN)


def variables(pod: Manifest, number: int = 0) -> dict[str, Any]:
    container = pod["spec"]["containers"][number]
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]}


def test_a_worker_joins_the_head_with_what_its_limits_say() -> None:
    (container,) = a_worker()["spec"]["containers"]
    assert container["command"] == [
        *("ray", "start", "--address=10.0.0.1:6379", "--block"),
        *("--dashboard-agent-listen-port=52365", "--memory=2147483648"),
        *("--metrics-export-port=8080", "--num-cpus=2"),
    ]


def test_ray_start_params_come_before_limits() -> None:
    params = {"num-cpus": "7", "disable-usage-stats": "true", "log-color": "false", "x": "false"}
    (container,) = a_worker(rayStartParams=params)["spec"]["containers"]
    options = container["command"][2:]
    assert {"--num-cpus=7", "--disable-usage-stats", "--log-color=false"} < set(options)
    assert not [option for option in options if option.startswith("--x")]


def test_a_gpu_and_labels_are_given_to_ray() -> None:
    limits = {"resources": {"limits": {"nvidia.com/gpu": "1"}}}
    template = {"spec": {"containers": [{"name": "ray-worker", **limits}]}}
    (container,) = a_worker(template=template, labels={"a": "b", "c": "d"})["spec"]["containers"]
    assert {"--num-gpus=1", "--labels=a=b,c=d"} < set(container["command"])


@given(milli=st.integers(1, 8000))
def test_a_part_of_a_cpu_counts_as_a_whole_one(milli: int) -> None:
    limits = {"resources": {"limits": {"cpu": f"{milli}m"}}}
    template = {"spec": {"containers": [{"name": "ray-worker", **limits}]}}
    (container,) = a_worker(template=template)["spec"]["containers"]
    assert f"--num-cpus={-(-milli // 1000)}" in container["command"]


def test_a_head_has_no_monitor_but_the_autoscaler_beside_it() -> None:
    ray, autoscaler = a_head()["spec"]["containers"]
    assert {"--head", "--no-monitor", "--port=6379", "--num-cpus=0"} < set(ray["command"])
    assert autoscaler["command"] == [
        *("ray", "kuberay-autoscaler", "--gcs-address=10.0.0.1:6379"),
        *("--cluster-name=crabstick", "--cluster-namespace=games"),
    ]


def test_the_autoscaler_can_tell_which_pod_a_node_is() -> None:
    pod = a_worker()
    assert pod["metadata"] == {
        "name": "crabstick-game-worker-abcde",
        "namespace": "games",
        "labels": {
            "ray.io/cluster": "crabstick",
            "ray.io/node-type": "worker",
            "ray.io/group": "game",
            "ray.io/is-ray-node": "yes",
        },
    }
    told = variables(pod)
    assert told["RAY_CLOUD_INSTANCE_ID"] == "crabstick-game-worker-abcde"
    assert told["RAY_NODE_TYPE_NAME"] == "game"
    assert "RAY_enable_autoscaler_v2" not in told
    assert variables(a_head())["RAY_enable_autoscaler_v2"] == "true"
    assert variables(a_head(), 1)["RAY_HEAD_POD_NAME"] == "crabstick-head-abcde"


def test_every_container_gets_rays_token_by_reference() -> None:
    head = a_head(authOptions={"mode": "token"}, autoscalerOptions={"env": [{"name": "X"}]})
    secret = {"secretKeyRef": {"name": "crabstick", "key": "auth_token"}}
    for number in (0, 1):
        told = variables(head, number)
        assert (told["RAY_AUTH_MODE"], told["RAY_AUTH_TOKEN"]) == ("token", secret)
    assert "X" in variables(head, 1)
    assert variables(a_head())["RAY_AUTH_MODE"] == "disabled"


def test_the_template_stays_as_it_is() -> None:
    grace = {"terminationGracePeriodSeconds": 150, "containers": [{"name": "c", "env": []}]}
    cluster = a_cluster(a_group(template={"spec": grace}))
    pod = pod_for(cluster, "game", "abcde", OWN)
    assert pod["spec"]["terminationGracePeriodSeconds"] == 150
    assert pod["spec"]["restartPolicy"] == "Never"
    assert grace["containers"] == [{"name": "c", "env": []}]


def test_pods_that_share_an_address_are_told_it() -> None:
    shared = Addresses(head="127.0.0.1", gcs_port=7, port=lambda usual: usual + 1, only="127.0.0.1")
    pod = pod_for(a_cluster(a_group()), "game", "abcde", shared)
    options = set(pod["spec"]["containers"][0]["command"])
    assert {"--node-ip-address=127.0.0.1", "--metrics-export-port=8081"} < options
