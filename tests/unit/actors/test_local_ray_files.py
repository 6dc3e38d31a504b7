"""The files of a bot's local cluster, and the lock to change it."""

import multiprocessing
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from actors.local_ray.local_cluster import ClusterFiles, LocalCluster
from crabstick.errors import EnvironmentProblem
from tests.unit.local_rays import CONFIG, DEAD, FILES, GONE, LOCAL, OTHER, runs, use_home

RESTARTING = replace(LOCAL, node=GONE, is_up=False, profile="small")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_home(monkeypatch, tmp_path, [])
    return tmp_path / ".ray"


@pytest.mark.parametrize("cluster", [replace(LOCAL, supervisor=None), RESTARTING])
def test_record_and_config_of_a_bot_are_kept_until_they_are_forgotten(
    folder: Path, cluster: LocalCluster
) -> None:
    runs(FILES)
    FILES.save(cluster)
    assert (FILES.load(), FILES.load_config()) == (cluster, CONFIG)
    assert (OTHER.load(), OTHER.load_config()) == (None, {})
    assert len(list(folder.iterdir())) == 2
    OTHER.forget()
    assert FILES.load() == cluster
    FILES.forget()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "{}", "null", '{"address": "a:1"}'),
        '{"address": "a:1", "node": {"pid": 7}, "supervisor": null}',
        '{"address": "a:1", "node": 7, "supervisor": null}',
        '{"address": "a:1", "head": {"pid": 7, "created_s": 1.25, "is_up": true}}',
    ],
)
def test_a_record_that_cannot_be_read_counts_as_none(text: str) -> None:
    FILES.path("json").write_text(text, encoding="utf-8")
    assert FILES.load() is None


def test_the_bots_of_a_namespace_that_run_or_are_restarted_are_found() -> None:
    for files, cluster in (
        (FILES, LOCAL),
        (OTHER, RESTARTING),
        (ClusterFiles("crabstick@dead"), DEAD),
        (ClusterFiles("another@0123"), LOCAL),
    ):
        runs(files, cluster)
    assert {files.name for files in ClusterFiles.of_living("crabstick")} == {FILES.name, OTHER.name}


def _lock_and_report(pipe: Connection) -> None:
    with FILES.locked(pipe.send):
        pipe.send("locked")


def test_the_next_command_says_that_it_waits_and_then_gets_the_lock() -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    other = context.Process(target=_lock_and_report, args=(theirs,))
    said: list[str] = []
    with FILES.locked(said.append), OTHER.locked(said.append):
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
