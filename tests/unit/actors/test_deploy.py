"""What decides whether a running bot has to be replaced."""

from actors.ops.deploy import _why_not, actor_config
from crabstick.settings import Settings

PLAIN = Settings()
OTHER = Settings.model_validate({"challenges": {"max_games": 9}})


def test_the_same_code_and_settings_have_the_same_fingerprint() -> None:
    assert actor_config(PLAIN, "crabby") == actor_config(Settings(), "crabby")


def test_other_settings_or_another_bot_have_another_fingerprint() -> None:
    births = [
        actor_config(PLAIN, "crabby"),
        actor_config(OTHER, "crabby"),
        actor_config(PLAIN, "lobster"),
    ]
    assert len({config.fingerprint for config in births}) == 3


def test_a_birth_carries_the_settings_and_the_namespace() -> None:
    config = actor_config(OTHER, "crabby")
    assert Settings.from_message(config.settings) == OTHER
    assert (config.namespace, config.bot, config.name) == ("crabstick", "crabby", "")


def test_nodes_without_our_code_are_told_what_to_do() -> None:
    why = _why_not("worker-set", "ModuleNotFoundError: No module named 'actors'")
    assert "ray job submit --working-dir ." in why


def test_any_other_reason_is_handed_on() -> None:
    assert _why_not("worker-set", "ValueError: 7") == "the worker-set does not start: ValueError: 7"
