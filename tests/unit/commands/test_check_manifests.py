"""`check --cluster MANIFEST`: what is said line by line, and what is raised at the end."""

import io
import os
from pathlib import Path

import pytest
import yaml

from crabstick.commands import check_manifests as command
from crabstick.commands.check_manifests import check_manifests
from crabstick.errors import ConfigError
from crabstick.manifests import sources
from crabstick.manifests.bundle import Answers
from crabstick.settings import Settings
from tests.unit.manifests.clusters import ANSWERS, Manifest, a_cluster, spoiled

GAME = "spec.workerGroupSpecs.0"


@pytest.fixture(autouse=True)
def _a_cluster_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(_secrets: object, *, gates: bool) -> Answers:
        assert not gates
        return ANSWERS

    monkeypatch.setattr(command, "ask", ask)


def a_file(folder: Path, *things: Manifest) -> str:
    file = folder / "cluster.yaml"
    file.write_text(yaml.safe_dump_all(things), encoding="utf-8")
    return str(file)


def piped(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def check(
    place: str, settings: Settings | None = None, *, is_named: bool = False
) -> tuple[list[str], str]:
    """What is said, and what is raised at the end."""
    said: list[str] = []
    try:
        check_manifests(settings or Settings(), place, is_named=is_named, say=said.append)
    except ConfigError as error:
        return said, str(error)
    return said, ""


def test_manifests_as_they_should_be_are_told_point_by_point(tmp_path: Path) -> None:
    service = {"kind": "Service", "metadata": {"name": "x"}}
    said, problem = check(a_file(tmp_path, a_cluster(), service))
    assert problem == ""
    assert said[0] == "manifests: the RayCluster crabstick, with 1 other object"
    assert [line.partition(":")[0] for line in said[1:]] == [
        "settings",
        "fields",
        "operator",
        "Pods",
        "Pod security",
        "Ray",
        "head",
        "autoscaler",
        "authentication",
        "jobs",
        "network",
        "room",
        "drains",
        "variables",
        "Lichess token",
        "Secrets",
    ]


def test_the_first_problem_is_raised_with_its_line_and_the_others_are_said(tmp_path: Path) -> None:
    cluster = spoiled("spec.authOptions", None, spoiled(f"{GAME}.maxReplica", 4))
    place = a_file(tmp_path, cluster)
    lines = Path(place).read_text(encoding="utf-8").splitlines()
    line = lines.index("    maxReplica: 4") + 1
    said, problem = check(place)
    assert problem.startswith(f"{place}, line {line}: spec.workerGroupSpecs[0].maxReplica is no ")
    assert [each for each in said if "authOptions.mode is missing" in each]
    assert not [each for each in said if "maxReplica is no field" in each]


def test_what_comes_through_a_pipe_has_no_lines_to_look_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    piped(monkeypatch, yaml.safe_dump(spoiled(f"{GAME}.maxReplica", 4)).encode())
    assert check("-")[1].startswith("spec.workerGroupSpecs[0].maxReplica is no field")


def test_named_settings_hold_over_those_in_the_manifests(tmp_path: Path) -> None:
    settings = Settings.model_validate({"challenges": {"max_games": 99}})
    place = a_file(tmp_path, a_cluster())
    assert "challenges.max_games (99)" in check(place, settings, is_named=True)[1]
    assert "challenges.max_games (99)" in check(place, settings)[1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "standard input is empty"),
        (b"\n \n", "standard input is empty"),
        (b"\xff\xfe", "standard input is not UTF-8 text"),
        (b"a: [1", "standard input, line 1: "),
        (b"a: 1\na: 2", "standard input, line 2: a stands there a second time"),
        (b"kind: Deployment", "standard input holds no RayCluster, only Deployment"),
        (b"kind: RayCluster", "apiVersion is missing"),
        (b"\xef\xbb\xbfkind: RayCluster", "apiVersion is missing"),
    ],
)
def test_what_is_no_manifest_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, content: bytes, words: str
) -> None:
    piped(monkeypatch, content)
    problem = check("-")[1]
    assert words in problem
    assert "\n" not in problem


def test_a_pipe_without_an_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_LARGEST", 100)
    piped(monkeypatch, b"a" * 101)
    assert check("-")[1].startswith("standard input is larger than 100 bytes")


def test_a_pipe_that_nobody_may_write_to_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert check(str(tmp_path / "pipe"))[1].endswith(
        "pipe is a pipe: send it into `crabstick check --cluster -`"
    )


def test_a_pipe_of_the_shell_s_is_read() -> None:
    shell, ours = os.pipe()
    with open(ours, "w", encoding="utf-8") as end:  # noqa: PTH123 -- a descriptor
        end.write(yaml.safe_dump(spoiled(f"{GAME}.maxReplica", 4)))
    assert "maxReplica is no field" in check(f"/dev/fd/{shell}")[1]


def test_named_settings_are_told_from_those_that_were_found(tmp_path: Path) -> None:
    place = a_file(tmp_path, a_cluster())
    assert check(place)[0][1] == "settings: those of this command; --config names the bot's"
    assert check(place, is_named=True)[0][1] == "settings: those of this command"


def test_a_cluster_without_a_name_is_called_so(tmp_path: Path) -> None:
    said, problem = check(a_file(tmp_path, spoiled("metadata", "crabstick")))
    assert said[0] == "manifests: the RayCluster without a name"
    assert "metadata is 'crabstick'; it must be a mapping" in problem


def test_a_place_where_nothing_is_is_told(tmp_path: Path) -> None:
    assert "there is no such file" in check(str(tmp_path / "nowhere.yaml"))[1]
    assert "is a folder without kustomization.yaml" in check(str(tmp_path))[1]
    assert check("")[1].startswith("the manifest has an empty name: name a file")
