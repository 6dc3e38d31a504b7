"""ray-cluster.yaml against Ray's own reader of it, without any cloud."""

import re
from copy import deepcopy

import pytest
import yaml
from jsonschema import ValidationError
from ray.autoscaler._private.util import prepare_config, validate_config

from crabstick.settings import Settings
from tests.contract.manifests import (
    REPOSITORY,
    TUNING,
    Manifest,
    inline_secrets,
    slots,
    spoiled,
)

FILE = REPOSITORY / "ray-cluster.yaml"
GAME = "available_node_types.game"
OWN_MACHINES = "local"


def ray_up_file() -> Manifest:
    config: Manifest = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return config


def as_ray_up_reads(config: Manifest) -> Manifest:
    prepared: Manifest = prepare_config(deepcopy(config))
    validate_config(prepared)
    return prepared


def variables(config: Manifest) -> dict[str, str]:
    """The environment that every container gets."""
    words = [option.removeprefix("--env ") for option in config["docker"]["run_options"]]
    return dict(word.split("=", 1) for word in words if not word.startswith("--"))


def other_providers() -> dict[str, Manifest]:
    """What stands in comments, by provider: dotted key -> value."""
    text = FILE.read_text(encoding="utf-8")
    blocks = re.findall(r"^# provider:\n((?:#.*\n)+)", text, re.MULTILINE)
    found = {}
    for block in blocks:
        plain = re.sub(r"^# ?", "", f"# provider:\n{block}", flags=re.MULTILINE)
        values = yaml.safe_load(plain)
        found[values["provider"]["type"]] = values
    return found


def with_provider(name: str) -> Manifest:
    """The file as a person would change it for that provider."""
    config = ray_up_file()
    for path, value in other_providers()[name].items():
        config = spoiled(config, path, value)
    if name == OWN_MACHINES:
        del config["head_node_type"], config["available_node_types"]
    return config


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


@pytest.mark.parametrize("name", ["gcp", "azure", OWN_MACHINES])
def test_ray_reads_what_the_comments_say_for_other_providers(name: str) -> None:
    config = as_ray_up_reads(with_provider(name))
    assert config["provider"]["type"] == name
    groups = config["available_node_types"]
    if name != OWN_MACHINES:
        assert slots(groups["head"]["resources"]) == 0
        assert groups["game"]["node_config"] != ray_up_file()["available_node_types"]["game"]


def test_the_comments_name_each_provider_once() -> None:
    assert list(other_providers()) == ["gcp", "azure", OWN_MACHINES]


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        ("idle_timeout_minuts", 5, ValidationError),
        (f"{GAME}.min_worker", 0, ValidationError),
        ("docker.images", "ray", ValidationError),
        ("max_worker", 4, ValidationError),
        (f"{GAME}.min_workers", 9, ValueError),
        ("head_node_type", "haed", ValueError),
    ],
)
def test_ray_refuses_a_mistake(path: str, value: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        as_ray_up_reads(spoiled(ray_up_file(), path, value))


def test_every_ray_process_asks_for_the_token_and_is_tuned_as_on_one_machine() -> None:
    assert variables(ray_up_file()) == {
        **TUNING,
        "RAY_AUTH_MODE": "token",
        "CRABSTICK__CLUSTER__AUTOSCALING": "true",
        "CRABSTICK__LICHESS__TOKEN_FILE": "/home/ray/.crabstick/lichess.token",
    }


def test_both_tokens_come_from_files_of_the_owner() -> None:
    mounts = ray_up_file()["file_mounts"]
    assert (mounts["~/.ray"], mounts["~/.crabstick"]) == ("~/.ray", "~/.crabstick")
    assert inline_secrets(FILE.read_text(encoding="utf-8")) == []


def test_the_head_starts_without_cpus_and_shows_its_dashboard_to_itself_alone() -> None:
    _, start = ray_up_file()["head_start_ray_commands"]
    assert "--num-cpus=0 --dashboard-host=127.0.0.1" in start


def test_nodes_install_the_lock_and_nothing_unproven() -> None:
    assert ray_up_file()["file_mounts"]["~/requirements.lock"] == "requirements.lock"
    assert ray_up_file()["setup_commands"] == [
        "pip install --require-hashes --requirement ~/requirements.lock"
    ]
