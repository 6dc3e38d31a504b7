"""Tokens come from the environment or a file, and never stand in an error."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from crabstick.errors import ConfigError
from crabstick.settings import Settings, read_admin_token, read_token
from crabstick.settings.tokens import login_file, login_token
from crabstick.telemetry.redaction import redact

TOKEN = "lip_Example0Token"  # noqa: S105 - nobody's


@pytest.fixture(autouse=True)
def _no_tokens_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LICHESS_BOT_TOKEN", raising=False)
    monkeypatch.delenv("CRABSTICK_ADMIN_TOKEN", raising=False)


def with_files(token_file: Path | None = None, admin_file: Path | None = None) -> Settings:
    return Settings.model_validate(
        {"lichess": {"token_file": token_file}, "http": {"admin_token_file": admin_file}}
    )


def a_file(folder: Path, content: bytes) -> Path:
    path = folder / "token"
    path.write_bytes(content)
    return path


def problem_with(settings: Settings) -> str:
    with pytest.raises(ConfigError) as caught:
        read_token(settings)
    assert "Example0" not in str(caught.value)
    return str(caught.value)


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LICHESS_BOT_TOKEN", f" {TOKEN}\n")
    settings = with_files(a_file(tmp_path, b"other"))
    assert read_token(settings).get_secret_value() == TOKEN


@pytest.mark.parametrize("content", [TOKEN, f"\ufeff{TOKEN}", f"  {TOKEN}\r\n\n"])
def test_a_file_may_end_its_line(tmp_path: Path, content: str) -> None:
    settings = with_files(a_file(tmp_path, content.encode()))
    assert read_token(settings).get_secret_value() == TOKEN


def test_an_empty_variable_counts_as_unset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LICHESS_BOT_TOKEN", "")
    assert read_token(with_files(a_file(tmp_path, b"abc"))).get_secret_value() == "abc"


def test_without_any_token_both_ways_are_named() -> None:
    problem = problem_with(with_files())
    assert "run `crabstick login`, or set LICHESS_BOT_TOKEN in the environment" in problem
    assert "lichess.token_file" in problem


def test_the_token_of_a_login_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    login_file().parent.mkdir()
    login_file().write_text("lio_Example0\n")
    assert read_token(with_files()).get_secret_value() == "lio_Example0"
    assert read_token(with_files(a_file(tmp_path, b"abc"))).get_secret_value() == "abc"
    monkeypatch.setenv("LICHESS_BOT_TOKEN", TOKEN)
    assert read_token(with_files()).get_secret_value() == TOKEN
    assert login_token() == SecretStr("lio_Example0")


def test_a_broken_file_of_a_login_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    login_file().parent.mkdir()
    login_file().write_text("lio_Example0 twice")
    said = f"the file of `crabstick login`, {login_file()} does not hold a token"
    assert problem_with(with_files()).startswith(said)


@pytest.mark.parametrize(
    ("config", "home", "file"),
    [
        ("/etc/xdg", "/home/me", "/etc/xdg/crabstick/token"),
        ("relative", "/home/me", "/home/me/.config/crabstick/token"),
        ("", "/home/me", "/home/me/.config/crabstick/token"),
    ],
)
def test_a_login_keeps_its_token_where_xdg_says(
    monkeypatch: pytest.MonkeyPatch, config: str, home: str, file: str
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", config)
    monkeypatch.setenv("HOME", home)
    assert str(login_file()) == file


def test_without_a_home_there_was_no_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "")
    monkeypatch.setenv("HOME", "relative")
    assert login_token() is None


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere"
    assert problem_with(with_files(path)) == f"lichess.token_file {path}: there is no such file"
    assert "cannot be read: Is a directory" in problem_with(with_files(tmp_path))
    through = a_file(tmp_path, b"abc") / "token"
    assert "cannot be read: Not a directory" in problem_with(with_files(through))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "does not hold a token"),
        (b"lip_Example0 lip_Example0", "only letters, digits and _"),
        (b"token: lip_Example0", "only letters, digits and _"),
        (b"Example0\xff", "is not UTF-8 text"),
        (b"Example0" * 1000, "is larger than 4096 bytes"),
    ],
)
def test_what_cannot_be_a_token_is_refused_without_showing_it(
    tmp_path: Path, content: bytes, words: str
) -> None:
    assert words in problem_with(with_files(a_file(tmp_path, content)))


def test_a_variable_with_wrong_letters_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LICHESS_BOT_TOKEN", "lip_Example0;")
    assert problem_with(with_files()).startswith("LICHESS_BOT_TOKEN does not hold a token")


def test_a_token_that_was_read_is_hidden_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LICHESS_BOT_TOKEN", "lip_hideMe77")
    read_token(with_files())
    assert redact("Bearer lip_hideMe77") == "Bearer [hidden]"


def test_no_admin_token_is_no_error() -> None:
    assert read_admin_token(with_files()) is None


def test_the_admin_token_comes_from_its_variable_or_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = with_files(admin_file=a_file(tmp_path, b"stop-it\n"))
    assert read_admin_token(settings) == SecretStr("stop-it")
    monkeypatch.setenv("CRABSTICK_ADMIN_TOKEN", "a.b-c/d+e~f==")
    assert read_admin_token(settings) == SecretStr("a.b-c/d+e~f==")
