"""Records of local Rays in a home of the test's own; no process is started or ended."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from actors.local_ray.local_cluster import ClusterFiles, LocalCluster
from actors.local_ray.process_ref import ProcessRef
from crabstick.settings import TOKEN_VARIABLE
from crabstick.terminal import find_cluster

FILES, OTHER = (ClusterFiles.of("crabstick", token) for token in ("lip_ours", "lip_other"))
THIS = ProcessRef.of(os.getpid())
GONE = replace(THIS, pid=2**22 + 1)
"""Larger than any pid."""
LOCAL = LocalCluster(address="127.0.0.1:1", node=THIS, supervisor=THIS)
DEAD = replace(LOCAL, node=GONE, supervisor=GONE)
STARTING = replace(LOCAL, address="127.0.0.1:2", is_up=False)
STARTED = replace(STARTING, is_up=True)
CONFIG = {"bot": "crabby"}


def use_home(monkeypatch: pytest.MonkeyPatch, home: Path, ends: list[object]) -> None:
    """The token is that of `FILES`; `ends` gets the address of each local Ray that is ended."""
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv(TOKEN_VARIABLE, "lip_ours")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (home / ".ray").mkdir()
    monkeypatch.setattr(find_cluster, "stop_supervisor", lambda _: None)
    monkeypatch.setattr(LocalCluster, "end", lambda local: ends.append(local.address))


def runs(
    files: ClusterFiles = FILES, local: LocalCluster | None = LOCAL, bot: str = "crabby"
) -> None:
    """This is recorded of the bot's Ray; None is no record."""
    files.forget()
    if local is not None:
        files.save(local)
        files.save_config({"bot": bot})
