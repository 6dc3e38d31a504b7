"""ray-cluster.yaml against Ray's own reader of it, without any cloud."""

from copy import deepcopy

import pytest
from jsonschema import ValidationError
from ray.autoscaler._private.util import prepare_config, validate_config

from crabstick.settings import Settings
from tests.contract.manifests import Manifest, ray_up_file, slots, spoiled

GAME = "available_node_types.game"


def as_ray_up_reads(config: Manifest) -> Manifest:
    prepared: Manifest = prepare_config(deepcopy(config))
    validate_config(prepared)
    return prepared


def variables(config: Manifest) -> dict[str, str]:
    """The environment that every container gets."""
    words = [option.removeprefix("--env ") for option in config["docker"]["run_options"]]
    return dict(word.split("=", 1) for word in words if not word.startswith("--"))


def test_ray_reads_one_head_without_slots_and_from_none_to_four_game_machines() -> None:
    config = as_ray_up_reads(ray_up_file())
    head, game = (config["available_node_types"][name] for name in ("head", "game"))
    assert (slots(head["resources"]), config["head_node_type"]) == (0, "head")
    assert (game["min_workers"], game["max_workers"], config["max_workers"]) == (0, 4, 4)


def test_the_largest_cluster_has_a_slot_for_every_game_and_standby() -> None:
    game = as_ray_up_reads(ray_up_file())["available_node_types"]["game"]
    settings = Settings()
    wanted = settings.challenges.max_games + settings.cluster.standby
    assert slots(game["resources"]) * game["max_workers"] >= wanted


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        ("idle_timeout_minuts", 5, ValidationError),
        (f"{GAME}.min_worker", 0, ValidationError),
        ("docker.images", "ray", ValidationError),
        (f"{GAME}.min_workers", 9, ValueError),
    ],
)
def test_ray_refuses_a_mistake(path: str, value: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        as_ray_up_reads(spoiled(ray_up_file(), path, value))


def test_every_ray_process_asks_for_the_token_runs_un_niced_and_outlives_a_lost_head() -> None:
    assert variables(ray_up_file()) == {
        "RAY_AUTH_MODE": "token",
        "RAY_worker_niceness": "0",
        "RAY_gcs_rpc_server_reconnect_timeout_s": "600",
        "MALLOC_ARENA_MAX": "1",
        "RAY_maximum_gcs_destroyed_actor_cached_count": "500",
        "CRABSTICK__LICHESS__TOKEN_FILE": "/home/ray/.crabstick/lichess.token",
    }


def test_both_tokens_come_from_files_of_the_owner() -> None:
    mounts = ray_up_file()["file_mounts"]
    assert (mounts["~/.ray"], mounts["~/.crabstick"]) == ("~/.ray", "~/.crabstick")


def test_the_head_starts_without_cpus_and_shows_its_dashboard_to_itself_alone() -> None:
    _, start = ray_up_file()["head_start_ray_commands"]
    assert "--num-cpus=0 --dashboard-host=127.0.0.1" in start


def test_nodes_install_the_lock_and_nothing_unproven() -> None:
    assert ray_up_file()["file_mounts"]["~/requirements.lock"] == "requirements.lock"
    assert ray_up_file()["setup_commands"] == [
        "pip install --require-hashes --requirement ~/requirements.lock"
    ]
