from pydantic import SecretStr

from crabstick import __version__
from crabstick.lichess.identity import Login
from crabstick.rules.model import GameId

LOGIN = Login(url="http://localhost:9000/", token=SecretStr("lip_secret"), user="crabby")


def test_the_user_agent_names_the_program_the_bot_and_the_game() -> None:
    agents = [LOGIN.user_agent(), LOGIN.user_agent(GameId("abcdefgh"))]
    assert agents == [
        f"crabstick/{__version__} user:crabby",
        f"crabstick/{__version__} user:crabby game:abcdefgh",
    ]


def test_a_bot_whose_name_is_not_known_yet_is_not_named() -> None:
    nameless = Login(url="http://localhost", token=SecretStr("t"))
    assert nameless.user_agent() == f"crabstick/{__version__}"


def test_an_address_has_one_slash_between_host_and_path() -> None:
    assert LOGIN.address("/api/account") == "http://localhost:9000/api/account"


def test_a_login_does_not_show_its_token() -> None:
    assert "lip_secret" not in f"{LOGIN} {LOGIN!r}"


def test_scrubbing_takes_the_token_out_of_a_text() -> None:
    assert LOGIN.scrub("Bearer lip_secret!") == "Bearer [token]!"
