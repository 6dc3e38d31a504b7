"""The memory of our own Ray, and the turn to change it."""

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from actors.local_ray.record import (
    LocalNode,
    Record,
    forget,
    make_store,
    recall,
    remember,
    remove_store,
    sole_command,
    store,
)
from crabstick.errors import EnvironmentProblem

HEAD = LocalNode(pid=7, born_s=1.25, is_up=False)
WORKER = LocalNode(pid=8, born_s=2.5)
RECORD = Record(address="127.0.0.1:6379", head=HEAD)
PAIR = Record(address="127.0.0.1:6379", head=HEAD, worker=WORKER)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".ray"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("record", [RECORD, PAIR])
def test_what_is_remembered_is_recalled_until_it_is_forgotten(record: Record) -> None:
    remember(record)
    assert recall() == record
    forget(record.head.pid)
    assert recall() is None


def test_what_an_earlier_version_wrote_is_recalled(folder: Path) -> None:
    remember(PAIR)
    (file,) = folder.iterdir()
    file.write_text('{"address": "a:1", "pid": 7, "born_s": 1.25, "is_up": true}', encoding="utf-8")
    assert recall() == Record(address="a:1", head=LocalNode(pid=7, born_s=1.25))


def test_forgetting_another_changes_nothing() -> None:
    remember(RECORD)
    forget(RECORD.head.pid + 1)
    assert recall() == RECORD


def test_remembering_leaves_one_file(folder: Path) -> None:
    remember(RECORD)
    remember(RECORD)
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "{}", "null", '{"address": "a:1"}', '{"address": "a:1", "pid": "x"}'),
        '{"address": "a:1", "pid": 7, "born_s": 1.25, "is_up": true, "worker": 8}',
    ],
)
def test_a_record_that_is_none_is_nothing(folder: Path, text: str) -> None:
    remember(RECORD)
    (file,) = folder.iterdir()
    file.write_text(text, encoding="utf-8")
    assert recall() is None


def test_the_store_is_made_anew_for_nobody_else_to_read() -> None:
    make_store()
    (store() / "old").touch()
    make_store()
    assert list(store().iterdir()) == []
    assert store().stat().st_mode & 0o077 == 0
    remove_store()
    remove_store()
    assert not store().exists()


def test_a_store_that_cannot_be_made_is_told(folder: Path) -> None:
    folder.rmdir()
    with pytest.raises(EnvironmentProblem, match="gcs cannot be made"):
        make_store()


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
