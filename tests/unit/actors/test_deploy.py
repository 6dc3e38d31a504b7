"""What decides whether a running bot has to be replaced."""

from actors.deploy import _why_not, birth_for
from crabstick.settings import Settings

PLAIN = Settings()
OTHER = Settings.model_validate({"challenges": {"max_games": 9}})


def test_the_same_code_and_settings_have_the_same_fingerprint() -> None:
    assert birth_for(PLAIN, "crabby") == birth_for(Settings(), "crabby")


def test_other_settings_or_another_bot_have_another_fingerprint() -> None:
    births = [birth_for(PLAIN, "crabby"), birth_for(OTHER, "crabby"), birth_for(PLAIN, "lobster")]
    assert len({birth.fingerprint for birth in births}) == 3


def test_a_birth_carries_the_settings_and_the_namespace() -> None:
    birth = birth_for(OTHER, "crabby")
    assert Settings.from_message(birth.settings) == OTHER
    assert (birth.namespace, birth.bot, birth.name) == ("crabstick", "crabby", "")


def test_nodes_without_our_code_are_told_what_to_do() -> None:
    why = _why_not("worker-set", "ModuleNotFoundError: No module named 'actors'")
    assert "ray job submit --working-dir ." in why


def test_any_other_reason_is_handed_on() -> None:
    assert _why_not("worker-set", "ValueError: 7") == "the worker-set does not start: ValueError: 7"
