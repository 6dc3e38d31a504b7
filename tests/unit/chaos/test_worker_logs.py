"""What actors log is read as it grows, each line once."""

import json
from pathlib import Path

from tests.chaos.verdict import IntendedMove
from tests.chaos.worker_logs import WorkerLogs

POSTING = {
    "game_id": "abcdefgh",
    "actor": "engine:1",
    "ply": 3,
    "move": "e7e5",
    "epoch": 2,
    "event": "game.move_posting",
    "timestamp": "1970-01-01T00:00:01.500000Z",
}
OTHER = {"actor": "engine:2", "event": "stream.lost", "timestamp": "1970-01-01T00:00:02Z"}


def a_log(folder: Path, name: str) -> Path:
    path = folder / "session_2026-01-01" / "logs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_a_move_that_is_about_to_be_posted_is_meant(tmp_path: Path) -> None:
    a_log(tmp_path, "worker-ab-01-77.err").write_text(json.dumps(POSTING) + "\n", "utf-8")
    logs = WorkerLogs(tmp_path)
    logs.read()
    assert logs.intended == [
        IntendedMove(game="abcdefgh", ply=3, uci="e7e5", actor="engine:1 (77)", at_ms=1500)
    ]
    assert logs.pids == {"engine:1": 77}


def test_each_line_is_read_once_and_only_when_it_is_whole(tmp_path: Path) -> None:
    path = a_log(tmp_path, "worker-ab-01-77.err")
    logs = WorkerLogs(tmp_path)
    line = json.dumps(POSTING) + "\n"
    for text in (line, line + line[:20], line * 2):
        path.write_text(text, "utf-8")
        logs.read()
    assert len(logs.intended) == 2


def test_a_log_that_ray_has_put_aside_is_read_on(tmp_path: Path) -> None:
    path = a_log(tmp_path, "worker-ab-01-77.err")
    line = json.dumps(POSTING) + "\n"
    path.write_text(line, "utf-8")
    logs = WorkerLogs(tmp_path)
    logs.read()
    aside = path.parent / "old" / path.name
    aside.parent.mkdir()
    path.rename(aside)
    aside.write_text(line * 2, "utf-8")
    logs.read()
    assert (len(logs.intended), logs.path_of(77)) == (2, aside)


def test_everything_else_is_an_event_of_its_process(tmp_path: Path) -> None:
    text = f"no JSON\n{json.dumps(OTHER)}\n"
    a_log(tmp_path, "worker-ab-01-78.err").write_text(text, "utf-8")
    logs = WorkerLogs(tmp_path)
    logs.read()
    assert logs.events == [{**OTHER, "pid": 78}]
    assert logs.pids == {}  # others speak of an actor too


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    a_log(tmp_path, "worker-ab-01-78.out").write_text(json.dumps(POSTING) + "\n", "utf-8")
    logs = WorkerLogs(tmp_path)
    logs.read()
    assert (logs.intended, logs.events, logs.pids) == ([], [], {})
