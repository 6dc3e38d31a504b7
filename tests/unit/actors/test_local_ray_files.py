"""The files of a bot's local cluster, and the lock to change it."""

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from actors.local_ray.local_cluster import ClusterFiles, ClusterRecord
from actors.local_ray.ray_node import LocalNode
from crabstick.errors import EnvironmentProblem

FILES, OTHER_BOT = ClusterFiles("crabstick"), ClusterFiles("another.bot")
HEAD = LocalNode(pid=7, created_s=1.25, is_up=False)
WORKER = LocalNode(pid=8, created_s=2.5)
RECORD = ClusterRecord(address="127.0.0.1:6379", head=HEAD)
FAULT_TOLERANT = ClusterRecord(address="127.0.0.1:6379", head=HEAD, worker=WORKER)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".ray"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("record", [RECORD, FAULT_TOLERANT])
def test_a_saved_record_is_loaded_until_it_is_forgotten(
    folder: Path, record: ClusterRecord
) -> None:
    FILES.save(RECORD)
    FILES.save(record)
    assert FILES.load() == record
    assert len(list(folder.iterdir())) == 1
    FILES.forget(record.head.pid + 1)
    assert FILES.load() == record
    FILES.forget(record.head.pid)
    assert FILES.load() is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "{}", "null", '{"address": "a:1"}'),
        '{"address": "a:1", "head": {"pid": "x", "created_s": 1}}',
        '{"address": "a:1", "head": {"pid": 7, "created_s": 1.25}, "worker": 8}',
    ],
)
def test_a_record_that_cannot_be_read_counts_as_none(folder: Path, text: str) -> None:
    FILES.save(RECORD)
    (file,) = folder.iterdir()
    file.write_text(text, encoding="utf-8")
    assert FILES.load() is None


def test_two_bots_of_one_home_have_files_of_their_own() -> None:
    FILES.save(RECORD)
    FILES.make_store()
    assert OTHER_BOT.load() is None
    OTHER_BOT.save(FAULT_TOLERANT)
    OTHER_BOT.remove_store()
    OTHER_BOT.forget(HEAD.pid)
    assert FILES.load() == RECORD
    assert FILES.store.is_dir()
    said: list[str] = []
    with FILES.locked(said.append), OTHER_BOT.locked(said.append):
        assert said == []


def test_the_store_is_made_empty_and_private() -> None:
    FILES.make_store()
    (FILES.store / "old").touch()
    FILES.make_store()
    assert list(FILES.store.iterdir()) == []
    assert FILES.store.stat().st_mode & 0o077 == 0
    FILES.remove_store()
    FILES.remove_store()
    assert not FILES.store.exists()


def test_a_store_that_cannot_be_made_is_reported(folder: Path) -> None:
    folder.rmdir()
    with pytest.raises(EnvironmentProblem, match="gcs cannot be made"):
        FILES.make_store()


def _lock_and_report(pipe: Connection) -> None:
    with FILES.locked(pipe.send):
        pipe.send("locked")


def test_the_next_command_says_that_it_waits_and_then_gets_the_lock() -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    other = context.Process(target=_lock_and_report, args=(theirs,))
    said: list[str] = []
    with FILES.locked(said.append):
        other.start()
        waiting = ours.recv()
    locked = ours.recv()
    other.join()
    assert said == []
    assert "waiting for it" in waiting
    assert (locked, other.exitcode) == ("locked", 0)


def test_a_home_that_cannot_be_written_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    with pytest.raises(EnvironmentProblem, match="cannot be written"), FILES.locked(print):
        pass
