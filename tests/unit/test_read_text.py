"""A file is written whole, or stays as it was."""

from pathlib import Path

import pytest

from crabstick.errors import EnvironmentProblem
from crabstick.read_text import write_text


def test_a_file_is_replaced_and_its_folder_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    for text in ("a", "b"):
        write_text(path, text)
        assert path.read_text() == text
    assert [one.name for one in path.parent.iterdir()] == ["file"]


def test_a_secret_is_readable_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.touch(0o644)
    write_text(path, "secret", mode=0o600)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_failure_leaves_the_old_file_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(EnvironmentProblem, match=r"file cannot be written \(No space left"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentProblem, match="cannot be written"):
        write_text(tmp_path / "file" / "below", "")
