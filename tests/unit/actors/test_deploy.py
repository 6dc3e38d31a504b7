"""The config of a bot, and the reasons why a bot does not start."""

from actors.ops.deploy import _why_not, actor_config
from crabstick.settings import Settings

PLAIN = Settings()
OTHER = Settings.model_validate({"challenges": {"max_games": 9}})


def test_the_same_code_and_settings_have_the_same_fingerprint() -> None:
    assert actor_config(PLAIN, "crabby") == actor_config(Settings(), "crabby")


def test_other_settings_or_another_bot_have_another_fingerprint() -> None:
    configs = [
        actor_config(PLAIN, "crabby"),
        actor_config(OTHER, "crabby"),
        actor_config(PLAIN, "lobster"),
    ]
    assert len({config.fingerprint for config in configs}) == 3


def test_a_config_has_the_settings_and_the_namespace() -> None:
    config = actor_config(OTHER, "crabby")
    assert Settings.from_message(config.settings) == OTHER
    assert (config.namespace, config.bot, config.name) == ("crabstick", "crabby", "")


def test_for_nodes_without_our_code_the_sentence_names_the_remedy() -> None:
    why = _why_not("worker-set", "ModuleNotFoundError: No module named 'actors'")
    assert "ray job submit --working-dir ." in why
