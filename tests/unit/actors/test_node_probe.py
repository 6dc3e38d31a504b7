"""The facts of a node, without secrets."""

import inspect
import sys
from pathlib import Path

import pytest

from actors.ops import node_probe
from actors.ops.node_probe import PACKAGES, code_of, now_s, probe

ROOT = Path(__file__).parents[3]
VARIABLE = "LICHESS_BOT_TOKEN"


def a_checkout(folder: Path, version: str = '__version__ = "9.9.9"\n') -> Path:
    for package in PACKAGES:
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text("", encoding="utf-8")
    (folder / "crabstick" / "__init__.py").write_text(version, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def test_a_node_with_our_code_has_our_digest() -> None:
    facts = probe(VARIABLE, "", "")
    assert (facts["version"], facts["code"]) == code_of(ROOT)
    assert len(str(facts["code"])) == 12


def test_other_code_has_another_digest(tmp_path: Path) -> None:
    one, other = a_checkout(tmp_path / "one"), a_checkout(tmp_path / "other")
    assert code_of(one) == code_of(other)
    (other / "engine" / "new.py").write_text("x = 1", encoding="utf-8")
    assert code_of(one)[0] == code_of(other)[0] == "9.9.9"
    assert code_of(one)[1] != code_of(other)[1]


def test_code_without_a_version_is_still_code(tmp_path: Path) -> None:
    assert code_of(a_checkout(tmp_path, version=""))[0] == "of no known version"


def test_a_node_without_the_code_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    facts = probe(VARIABLE, "", "")
    assert (facts["version"], facts["code"]) == ("", "")


@pytest.mark.parametrize(
    ("value", "content", "has"),
    [
        ("lip_x", None, True),
        ("  ", None, False),
        ("", "lip_x\n", True),
        ("", "\n", False),
        ("", None, False),
    ],
)
def test_a_token_is_found_and_never_revealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, content: str | None, *, has: bool
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    monkeypatch.setenv(VARIABLE, value)
    facts = probe(VARIABLE, str(file), "")
    assert facts["has_token"] == has
    assert "lip_x" not in str(facts)


def test_an_engine_is_a_program_that_may_be_run(tmp_path: Path) -> None:
    engine = tmp_path / "engine"
    engine.write_text("#!/bin/sh\n", encoding="utf-8")
    assert not probe(VARIABLE, "", str(engine))["has_engine"]
    engine.chmod(0o755)
    assert probe(VARIABLE, "", str(engine))["has_engine"]
    assert probe(VARIABLE, "", "")["has_engine"]


def test_rays_flags_are_reported_without_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("RAY_worker_niceness", "RAY_redis_password", "RAY_NODE_ID", "OTHER"):
        monkeypatch.setenv(name, "7")
    flags = probe(VARIABLE, "", "")["flags"]
    assert isinstance(flags, dict)
    assert flags["RAY_worker_niceness"] == "7"
    assert not {"RAY_redis_password", "RAY_NODE_ID", "OTHER"} & flags.keys()


@pytest.mark.parametrize(
    ("words", "monitor"),
    [
        (b"python\0-u\0/ray/autoscaler/v2/monitor.py\0--logs-dir=x", "watches"),
        (b"python\0/ray/autoscaler/_private/monitor.py\0--autoscaling-config=/x.yaml", "scales"),
        (b"ray\0kuberay-autoscaler", ""),
        (b"", ""),
    ],
)
def test_the_monitor_of_ray_is_found_among_the_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: bytes, monitor: str
) -> None:
    process = tmp_path / "123"
    process.mkdir()
    (process / "cmdline").write_bytes(words)
    monkeypatch.setattr(node_probe, "PROCESSES", tmp_path)
    assert probe(VARIABLE, "", "")["monitor"] == monitor


def test_the_probe_imports_only_pythons_library() -> None:
    imported = {
        name.partition(".")[0]
        for name, value in vars(node_probe).items()
        if inspect.ismodule(value)
    }
    assert imported <= sys.stdlib_module_names
    assert now_s() > 1_700_000_000
