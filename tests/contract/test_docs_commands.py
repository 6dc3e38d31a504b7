"""What docs/deploying.md and docs/kubernetes.md tell people to type exists, with its options."""

import re

import pytest
import typer
from ray.scripts.scripts import cli as ray_cli
from typer.core import TyperGroup

from crabstick.cli import app
from crabstick.settings import TOKEN_VARIABLE
from tests.contract.manifests import REPOSITORY, TUNING

PAGES = ("deploying.md", "kubernetes.md")
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CALL = r"(?:^|-- |-m )crabstick ([a-z][a-z-]*)([^\n|;&]*)"
OPTION = re.compile(r"(?<!\S)--?[a-z][a-z-]*")


def text(page: str) -> str:
    return (REPOSITORY / "docs" / page).read_text(encoding="utf-8")


def code(page: str) -> str:
    """All that stands between backticks, one command a line, without comments."""
    spans = re.findall(r"`([^`\n]+)`", BLOCK.sub("", text(page)))
    joined = re.sub(r"\\\n\s*", "", "\n".join([*BLOCK.findall(text(page)), *spans]))
    return re.sub(r"(?<!\S)#.*", "", joined)


def calls(page: str) -> list[tuple[str, set[str]]]:
    """Every command of crabstick and what it is given, options only."""
    found = re.findall(CALL, code(page), re.MULTILINE)
    return [(name, set(OPTION.findall(rest))) for name, rest in found]


def known() -> dict[str, set[str]]:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return {
        name: {option for parameter in command.params for option in parameter.opts}
        for name, command in group.commands.items()
    }


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_of_crabstick_exists(page: str) -> None:
    exist = known()
    assert len(calls(page)) > 5
    assert [
        (name, options) for name, options in calls(page) if options - exist.get(name, set())
    ] == []
    assert {name for name, _ in calls(page)} - set(exist) == set()


def test_every_option_of_ray_start_exists() -> None:
    given = re.findall(r"ray start ([^\n]*)", code("deploying.md"))
    options = {option for line in given for option in re.findall(r"--[a-z-]+", line)}
    exist = {each for parameter in ray_cli.commands["start"].params for each in parameter.opts}
    assert {"--head", "--address", "--num-cpus", "--block"} <= options
    assert options - exist == set()


def test_machines_of_ones_own_are_tuned_as_every_other_node() -> None:
    exports = dict(re.findall(r"^export (\w+)=(\S+)", text("deploying.md"), re.MULTILINE))
    assert {name: exports.get(name) for name in TUNING} == TUNING
    assert exports["RAY_AUTH_MODE"] == "token"
    assert TOKEN_VARIABLE in exports


def test_no_secret_is_typed_on_a_command_line() -> None:
    for page in PAGES:
        assert "--from-literal" not in code(page)
        assert "lip_" not in text(page)
