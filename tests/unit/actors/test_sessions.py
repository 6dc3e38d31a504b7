"""Which of Ray's folders are removed when a cluster of ours starts."""

import os
from dataclasses import replace
from pathlib import Path

from actors.local_ray.process_ref import ProcessRef
from actors.local_ray.start_hooks import KEPT, MARKER, open_session

THIS = ProcessRef.of(os.getpid())
GONE = replace(THIS, pid=2**22 + 1)


def test_the_last_few_folders_of_ended_clusters_stay_and_nobody_else_s_is_touched(
    tmp_path: Path,
) -> None:
    for number in range(KEPT + 3):
        folder = tmp_path / f"session_2026-12-{number + 1:02}"
        folder.mkdir()
        open_session(folder, GONE if number else THIS)
    (tmp_path / "session_2026-11-30").mkdir()  # of another program
    (tmp_path / "session_2026-11-29").mkdir()
    (tmp_path / "session_2026-11-29" / MARKER).write_text("unreadable")
    last = tmp_path / "session_2026-12-31"
    last.mkdir()
    open_session(last, THIS)
    left = sorted(folder.name.removeprefix("session_2026-") for folder in tmp_path.iterdir())
    assert left == ["11-29", "11-30", "12-01", "12-04", "12-05", "12-06", "12-07", "12-08", "12-31"]
