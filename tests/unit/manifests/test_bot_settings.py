"""The settings that the bot will have there are found, read, and judged as everywhere else."""

from typing import Any

import pytest

from tests.unit.manifests.clusters import Manifest, a_cluster, problems, said, spoiled

HEAD = "spec.headGroupSpec.template.spec"
UP = "ray job submit -- python -m crabstick up --detach --config /etc/crabstick/bot.yaml"
MOUNT = {"name": "config", "mountPath": "/etc/crabstick"}
VOLUME = {"name": "config", "configMap": {"name": "crabstick-config"}}


def with_config() -> Manifest:
    return spoiled(
        f"{HEAD}.volumes.+", VOLUME, spoiled(f"{HEAD}.containers.0.volumeMounts.+", MOUNT)
    )


def keeper(words: str = UP) -> Manifest:
    container = {
        "name": "keeper",
        "image": "x",
        "command": ["sh", "-c"],
        "args": [f"until {words}; do x; done"],
        "env": [{"name": "RAY_AUTH_TOKEN_PATH", "value": "/etc/ray/token"}],
    }
    template = {"spec": {"containers": [container]}}
    return {"kind": "Deployment", "metadata": {"name": "keeper"}, "spec": {"template": template}}


GROWS = "cluster: {autoscaling: true}"


def config(text: str, key: str = "bot.yaml") -> Manifest:
    return {"kind": "ConfigMap", "metadata": {"name": "crabstick-config"}, "data": {key: text}}


def service(*ports: Manifest, **selector: str) -> Manifest:
    spec = {"selector": selector, "ports": list(ports)}
    return {"kind": "Service", "metadata": {"name": "http"}, "spec": spec}


def things(text: str, *more: Manifest) -> tuple[Manifest, ...]:
    return (with_config(), keeper(), config(text), *more)


def test_the_file_in_the_config_map_holds() -> None:
    assert said("settings", *things("challenges: {max_games: 9}")) == [
        "bot.yaml of the ConfigMap crabstick-config"
    ]
    (line,) = problems(*things("challenges: {max_games: 9}"))
    assert "challenges.max_games (9) and cluster.standby (1) want 10" in line


def test_an_engine_is_in_an_image_that_nobody_looks_into() -> None:
    (line,) = said("settings", *things("engine: {kind: uci, path: /opt/lc0}"))
    assert line.endswith("crabstick-config; whether the image holds /opt/lc0 was not looked at")


def with_items(*items: Manifest) -> Manifest:
    volume = {"name": "config", "configMap": {"name": "crabstick-config", "items": list(items)}}
    mounted = spoiled(f"{HEAD}.containers.0.volumeMounts.+", MOUNT)
    return spoiled(f"{HEAD}.volumes.+", volume, mounted)


def test_a_key_may_have_the_name_of_another_file() -> None:
    cluster = with_items({"key": "chess.yaml", "path": "bot.yaml"})
    settings = config("challenges: {max_games: 2}", key="chess.yaml")
    assert said("settings", cluster, keeper(), settings) == [
        "chess.yaml of the ConfigMap crabstick-config"
    ]


@pytest.mark.parametrize("path", ["settings.yaml", "etc/bot.yaml"])
def test_a_file_that_no_key_becomes_is_named(path: str) -> None:
    cluster = with_items({"key": "bot.yaml", "path": path})
    (found,) = problems(cluster, keeper(), config("challenges: {max_games: 2}"))
    assert found.endswith(
        "configMap.items make no bot.yaml, which `crabstick up --config` names; they make " + path
    )


def test_an_empty_file_is_the_defaults() -> None:
    assert problems(*things("# nothing yet\n")) == []
    assert problems(*things("http:\nengine:\n")) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("challenges: {max_game: 3}", "did you mean challenges.max_games?"),
        ("http: {port: many}", "http.port is 'many'; it must be a whole number"),
        ("lichess: {token: lip_abc}", "a token does not belong into the configuration"),
        ("http: [", "bot.yaml of the ConfigMap crabstick-config, line 1: "),
        ("- a", "must be a mapping"),
    ],
)
def test_a_wrong_setting_is_named(text: str, words: str) -> None:
    (line,) = problems(*things(text))
    assert line.startswith("settings: ")
    assert words in line
    assert "lip_abc" not in line


def test_a_file_that_the_config_map_lacks_is_named() -> None:
    (line,) = problems(with_config(), keeper(), config("", key="bot.yml"))
    assert line == (
        "settings: ConfigMap crabstick-config, data holds no bot.yaml, which `crabstick up "
        "--config` names; did you mean bot.yml?"
    )


def test_a_config_map_that_is_not_there_is_not_judged() -> None:
    assert problems(with_config(), keeper()) == []
    assert said("settings", with_config(), keeper()) == [
        "the ConfigMap crabstick-config is not in these manifests: not looked at"
    ]


def test_a_file_that_the_head_does_not_mount_is_told() -> None:
    (line,) = said("settings", a_cluster(), keeper(), config(""))
    assert "the head mounts no ConfigMap at /etc/crabstick/bot.yaml" in line


@pytest.mark.parametrize(
    "words",
    [
        "crabstick up --config=/etc/crabstick/bot.yaml",
        "crabstick up --config '/etc/crabstick/bot.yaml'",
        "python -m crabstick up --config \\\n    /etc/crabstick/bot.yaml --detach",
    ],
)
def test_the_file_is_found_however_it_is_named(words: str) -> None:
    found = said("settings", with_config(), keeper(words), config(""))
    assert found == ["bot.yaml of the ConfigMap crabstick-config"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CRABSTICK__CHALLENGES__MAX_GAMES", "9"),
        ("CRABSTICK__CHALLENGES", '{"max_games": 9}'),
    ],
)
def test_variables_of_the_head_hold_over_the_file(variable: str, value: str) -> None:
    wish = {"name": variable, "value": value}
    cluster = spoiled(f"{HEAD}.containers.0.env.+", wish, with_config())
    (line,) = problems(cluster, keeper(), config("challenges: {max_games: 2}"))
    assert "challenges.max_games (9)" in line
    (line,) = problems(spoiled(f"{HEAD}.containers.0.env.+", wish))
    assert "challenges.max_games (9)" in line


def test_an_autoscaler_that_the_bot_makes_little_of_is_told() -> None:
    cluster = (with_config(), keeper())
    (line,) = said("autoscaler", *cluster, config("cluster: {autoscaling: false}"))
    assert line.startswith("cluster.autoscaling of the bot's settings is false: challenges that")
    (line,) = said("autoscaler", *cluster, config(GROWS))
    assert line == "v2, with 0 to 4 replicas of game"


def test_a_service_must_find_the_bot_listening() -> None:
    ours: dict[str, Any] = {"ray.io/node-type": "head"}
    (line,) = problems(*things("", service(**ours)))
    assert "http.host of the bot's settings is 127.0.0.1, where the Service http cannot" in line
    assert problems(*things("http: {host: 0.0.0.0}", service(**ours))) == []
    assert problems(*things("", service(app="redis"))) == []


OPEN = "http: {host: 0.0.0.0, port: 9000}"
OURS: dict[str, Any] = {"ray.io/node-type": "head"}


@pytest.mark.parametrize("port", [{"port": 8000}, {"port": 80, "targetPort": 8000}])
def test_a_service_must_lead_to_the_port_of_the_bot(port: Manifest) -> None:
    (line,) = problems(*things(OPEN, service(port, **OURS)))
    assert line.startswith(
        "settings: http.port of the bot's settings is 9000, and the Service http leads to 8000: "
    )


@pytest.mark.parametrize(
    "ports",
    [
        [{"port": 9000}],
        [{"port": 80, "targetPort": 9000}],
        [{"port": 80, "targetPort": "bot"}],
        [{"port": 8265}, {"port": 8080}],
        [{"port": 1, "targetPort": 8000}, {"port": 2, "targetPort": 9000}],
        [],
    ],
)
def test_a_service_that_leads_there_or_to_ray_alone_is_fine(ports: list[Manifest]) -> None:
    cluster, *others = things(OPEN, service(*ports, **OURS))
    port = {"name": "bot", "containerPort": 9000}
    cluster = spoiled(f"{HEAD}.containers.0.ports", [port], cluster)
    assert problems(cluster, *others) == []
