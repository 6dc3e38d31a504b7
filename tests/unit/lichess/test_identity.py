from pydantic import SecretStr

from crabstick import __version__
from crabstick.lichess.identity import Identity
from crabstick.rules.model import GameId

IDENTITY = Identity(url="http://localhost:9000/", token=SecretStr("lip_secret"), user="crabby")


def test_the_user_agent_names_the_program_the_bot_and_the_game() -> None:
    agents = [IDENTITY.user_agent(), IDENTITY.user_agent(GameId("abcdefgh"))]
    assert agents == [
        f"crabstick/{__version__} user:crabby",
        f"crabstick/{__version__} user:crabby game:abcdefgh",
    ]


def test_an_identity_does_not_show_its_token() -> None:
    assert "lip_secret" not in f"{IDENTITY} {IDENTITY!r}"


def test_redacting_replaces_the_token() -> None:
    assert IDENTITY.redact("Bearer lip_secret!") == "Bearer [token]!"
