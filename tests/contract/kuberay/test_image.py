"""The image's recipe without building it: who runs in it, what goes in, and what must not."""

import re
from pathlib import PurePosixPath

import pytest
from ray._common.utils import load_class

from tests.contract.kuberay.rendered import KUBERAY, ray_cluster, rendered, settings_of
from tests.contract.manifests import REPOSITORY, containers, environment

PACKAGES = ("engine", "actors", "crabstick")


def instructions() -> list[tuple[str, str]]:
    """Word and argument of each instruction; continued lines are one."""
    text = (KUBERAY / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    parts = (line.split(maxsplit=1) for line in lines if line.strip())
    return [(word, " ".join(argument.split())) for word, argument in parts]


def all_of(word: str) -> list[str]:
    return [argument for found, argument in instructions() if found == word]


def is_sent(path: str) -> bool:
    """Whether `.dockerignore` lets a file into the build; the last line that fits decides."""
    lines = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = True
    for line in (each for each in lines if each and not each.startswith("#")):
        pattern = line.removeprefix("!")
        shape = re.escape(pattern).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if re.fullmatch(f"{shape}(/.*)?", path):
            sent = line.startswith("!")
    return sent


def test_the_image_runs_as_the_number_that_the_manifests_name() -> None:
    (user,) = all_of("USER")
    number = int(user.partition(":")[0])
    spec = ray_cluster("base")["spec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        assert group["template"]["spec"]["securityContext"]["runAsUser"] == number
    assert f"useradd --uid {number} --user-group --create-home crabstick" in all_of("RUN")


def test_an_engine_is_in_the_image_where_production_looks_for_it() -> None:
    assert "ENGINES=stockfish" in all_of("ARG")
    assert str(settings_of("production").engine.path) == "/usr/games/stockfish"


def test_everything_that_is_copied_is_there_and_sent() -> None:
    copied = [each.split()[0] for each in all_of("COPY") if not each.startswith("--from=")]
    assert set(copied) == {"requirements.lock", "LICENSE", *PACKAGES}
    for name in copied:
        assert (REPOSITORY / name).exists()
        assert is_sent(name)


def test_all_of_our_code_is_sent() -> None:
    modules = [
        path.relative_to(REPOSITORY).as_posix()
        for package in PACKAGES
        for path in (REPOSITORY / package).rglob("*.py")
    ]
    assert len(modules) > 100
    assert [module for module in modules if not is_sent(module)] == []


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        "crabstick.yaml",
        "crabstick/secret.token",
        "actors/bot.yaml",
        "lichess.token",
        "actors/__pycache__/drain.cpython-311.pyc",
        "tests/conftest.py",
        "kuberay/overlays/minimal/bot.yaml",
    ],
)
def test_settings_tokens_caches_and_tests_are_not_sent(path: str) -> None:
    assert not is_sent(path)


def test_the_hook_that_every_node_starts_with_is_in_the_image() -> None:
    for thing in rendered("base"):
        for container in containers(thing):
            hook = environment(container).get("RAY_START_HOOK")
            if hook:
                assert PurePosixPath(hook.split(".")[0]).name in PACKAGES
                assert callable(load_class(hook))  # type: ignore[no-untyped-call]  # Ray's
