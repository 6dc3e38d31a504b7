"""What a bot remembers survives restarts, and a broken file is an empty one."""

from pathlib import Path

import pytest

from crabstick.errors import EnvironmentProblem
from crabstick.state_file import StateFile


def test_sections_are_kept_apart(tmp_path: Path) -> None:
    state = StateFile(tmp_path / "deep" / "bot.json")
    state.write("players", {"bob": [True, None]})
    state.write("declines", {"x": 1})
    again = StateFile(state.path)
    assert (again.read("players"), again.read("declines")) == ({"bob": [True, None]}, {"x": 1})
    assert [path.name for path in state.path.parent.iterdir()] == ["bot.json"]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"players": 3}'])
def test_what_cannot_be_read_is_empty(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bot.json"
    path.write_text(content)
    assert StateFile(path).read("players") == {}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="cannot be written"):
        StateFile(tmp_path / "file" / "bot.json").write("players", {})


def test_two_servers_and_two_accounts_have_files_of_their_own() -> None:
    places = [("https://lichess.org", "A"), ("http://localhost:8080", "A"), ("https://x.org", "b")]
    assert len({StateFile.of(*place).path for place in places}) == 3
    assert StateFile.of("https://x.org", "B").path == StateFile.of("https://x.org", "b").path
