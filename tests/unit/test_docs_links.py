"""The documents point at what exists: files, headings, commands, options and make targets."""

import re
import tomllib
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from crabstick.cli import app

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCUMENTS = sorted(
    [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
)
ARCHITECTURE = ROOT / "docs" / "architecture.md"
LONGEST_README = 120
MOST_FILES = 20
LONGEST_CELL = 150
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def words(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def prose(document: Path) -> str:
    """The text without its blocks of code."""
    return BLOCK.sub("", words(document))


def code(document: Path) -> str:
    """What stands between backticks; comments are left out."""
    spans = re.findall(r"`([^`\n]+)`", prose(document))
    return re.sub(r"#.*", "", "\n".join([*BLOCK.findall(words(document)), *spans]))


def links(document: Path) -> list[str]:
    """The relative links."""
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "`", prose(document)))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(document: Path) -> set[str]:
    """The headings as they are linked to on GitHub."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading) for heading in headings)
    return {heading.strip().lower().replace(" ", "-") for heading in plain}


def is_broken(document: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (document.parent / path).resolve() if path else document
    if not target.is_relative_to(ROOT) or not target.exists():
        return True
    return bool(anchor) and target.suffix == ".md" and anchor not in anchors(target)


def commands() -> dict[str, set[str]]:
    """The options of each command of the program."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return {
        name: {option for parameter in command.params for option in parameter.opts}
        for name, command in group.commands.items()
    }


def calls(document: Path) -> list[tuple[str, set[str]]]:
    """Every `crabstick COMMAND --options` in the document's code."""
    found = re.findall(r"(?<!-)\bcrabstick ([a-z][a-z-]*)((?: +--?[a-z-]+\S*)*)", code(document))
    return [(name, set(re.findall(r"--[a-z-]+", options))) for name, options in found]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    assert [link for link in links(document) if is_broken(document, link)] == []


def test_the_documents_have_links() -> None:
    assert all(links(ROOT / name) for name in ("README.md", "CONTRIBUTING.md"))


def test_the_readme_is_short() -> None:
    assert len(words(README).splitlines()) <= LONGEST_README


def test_every_command_in_the_readme_exists() -> None:
    named = {name for name, _ in calls(README)}
    assert named - set(commands()) == set()
    assert {"up", "check", "upgrade-account"} <= named


def test_every_option_in_the_readme_exists() -> None:
    known = commands()
    assert [(name, given) for name, given in calls(README) if given - known[name]] == []


@pytest.mark.parametrize("document", [README, ROOT / "CONTRIBUTING.md"], ids=lambda path: path.name)
def test_every_make_target_exists(document: Path) -> None:
    makefile = words(ROOT / "Makefile")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"^make ([a-z]+)", code(document), re.MULTILINE))
    assert named
    assert named - targets == set()


def test_every_document_is_reached_from_the_readme() -> None:
    reached, open_ends = set[Path](), [README]
    while open_ends:
        document = open_ends.pop()
        if document not in reached and document.suffix == ".md" and document.exists():
            reached.add(document)
            paths = (link.partition("#")[0] for link in links(document))
            open_ends += [(document.parent / path).resolve() for path in paths if path]
    assert [path for path in DOCUMENTS if path not in reached] == []


def test_the_layers_are_drawn_as_the_contract_has_them() -> None:
    linter = tomllib.loads(words(ROOT / "pyproject.toml"))["tool"]["importlinter"]
    (layers,) = (one["layers"] for one in linter["contracts"] if one["type"] == "layers")
    rows = re.findall(r"^│ (\w.*)│$", BLOCK.findall(words(ARCHITECTURE))[0], re.MULTILINE)
    assert [[cell.split()[0] for cell in row.split("│")] for row in rows] == [
        [name.strip().removeprefix("crabstick.") for name in layer.split("|")] for layer in layers
    ]


def test_one_game_is_told_in_few_files() -> None:
    (steps,) = re.findall(r"^1\. .*?^9\. .*?\n\n", words(ARCHITECTURE), re.MULTILINE | re.DOTALL)
    assert 10 < len(set(re.findall(r"\.\./[\w/]+\.py", steps))) <= MOST_FILES


def test_the_cells_of_the_tables_of_faults_are_short() -> None:
    rows = re.findall(r"^\|.*$", words(ROOT / "docs" / "reliability.md"), re.MULTILINE)
    cells = [cell.strip() for row in rows for cell in row.split("|")]
    assert [cell for cell in cells if len(cell) > LONGEST_CELL] == []
