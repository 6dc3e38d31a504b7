"""The memory of our own Ray, and the turn to change it."""

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from actors.local_record import Record, forget, recall, remember, sole_command
from crabstick.errors import EnvironmentProblem

RECORD = Record(address="127.0.0.1:6379", pid=7, born_s=1.25, is_up=False)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".ray"
    folder.mkdir()
    return folder


def test_what_is_remembered_is_recalled_until_it_is_forgotten() -> None:
    remember(RECORD)
    assert recall() == RECORD
    forget(RECORD.pid)
    assert recall() is None


def test_forgetting_another_changes_nothing() -> None:
    remember(RECORD)
    forget(RECORD.pid + 1)
    assert recall() == RECORD


def test_remembering_leaves_one_file(folder: Path) -> None:
    remember(RECORD)
    remember(RECORD)
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", "null", '{"address": "a:1"}', '{"address": "a:1", "pid": "x"}']
)
def test_a_record_that_is_none_is_nothing(folder: Path, text: str) -> None:
    remember(RECORD)
    (file,) = folder.iterdir()
    file.write_text(text, encoding="utf-8")
    assert recall() is None


def _take_turn(pipe: Connection) -> None:
    with sole_command(pipe.send):
        pipe.send("my turn")


def test_the_next_command_says_that_it_waits_and_then_has_its_turn() -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    other = context.Process(target=_take_turn, args=(theirs,))
    with sole_command(print):
        other.start()
        waiting = ours.recv()
    turn = ours.recv()
    other.join()
    assert "waiting for it" in waiting
    assert turn == "my turn"
    assert other.exitcode == 0


def test_a_turn_that_is_free_is_taken_without_a_word() -> None:
    said: list[str] = []
    with sole_command(said.append):
        pass
    assert said == []


def test_a_home_that_is_no_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    with pytest.raises(EnvironmentProblem, match="cannot be written"), sole_command(print):
        pass
