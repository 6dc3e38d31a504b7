"""Each key of both programs has a row, and the document has all rows."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from crabstick.explain import dotted, known_keys
from crabstick.importing.botli import BOTLI
from crabstick.importing.lichess_bot import LICHESS_BOT
from crabstick.importing.table import Program, Row
from crabstick.settings import Settings
from tests.unit.importing.imports import FILES, imported

DOCUMENT = Path(__file__).parents[3] / "docs" / "migrating.md"
PROGRAMS = (LICHESS_BOT, BOTLI)
DEFAULT_FILES = {"lichess-bot": "lichess_bot_default.yml", "BotLi": "botli_default.yml"}
COMING = {
    "correspondence.move_time_s",
    "correspondence.ponder",
}
"""Keys of ours that other changes add."""
KEYS = {name: (FILES / f"{name}.keys").read_text("utf-8").split() for name in DEFAULT_FILES}
"""All keys that the two programs know, from their documentation."""


def rows(program: Program) -> Iterator[tuple[Row, str, str]]:
    return ((row, dotted(row.old), dotted(row.new)) for row in program.rows)


def leaves(values: object, before: str = "") -> Iterator[str]:
    if isinstance(values, dict):
        for key, below in values.items():
            yield from leaves(below, f"{before}.{key}")
    else:
        yield before[1:]


def is_below(key: str, pattern: str) -> bool:
    expression = re.escape(pattern).replace(r"\*", r"[^.]+")
    return re.match(rf"{expression}(\.|$)", key) is not None


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda one: one.name)
def test_each_key_of_the_program_has_a_row(program: Program) -> None:
    for key in KEYS[program.name]:
        told = [row for row, old, _ in rows(program) if is_below(key, old)]
        assert told, key
        assert all(row.new or row.why for row in told)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda one: one.name)
def test_the_default_file_has_just_the_keys_of_the_list(program: Program) -> None:
    text = (FILES / DEFAULT_FILES[program.name]).read_text("utf-8")
    given = set(leaves(yaml.safe_load(text)))
    unlisted = [key for key in given if not any(is_below(key, it) for it in KEYS[program.name])]
    missing = [it for it in KEYS[program.name] if not any(is_below(key, it) for key in given)]
    assert (unlisted, missing) == ([], [])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda one: one.name)
def test_each_key_of_the_default_file_is_mapped_or_explained(
    program: Program, tmp_path: Path
) -> None:
    text = (
        (FILES / DEFAULT_FILES[program.name])
        .read_text("utf-8")
        .replace("enabled: false", "enabled: true")
    )
    found = imported(text, tmp_path)
    origins = set(re.findall(r"[\w.*]+", "\n".join(re.findall("# (.*)", found.text))))
    parts = {old for row, old, _ in rows(program) if row.how in {"part", "switch"}}
    for key in leaves(yaml.safe_load(text)):
        above = {key[: at.start()] for at in re.finditer(r"\.|$", key)}
        assert above & origins or any(is_below(key, part) for part in parts), key
    assert "knows no such key" not in found.text


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda one: one.name)
def test_each_row_leads_to_a_key_of_ours_by_a_converter(program: Program) -> None:
    known = known_keys(Settings)
    for row, _, new in rows(program):
        name = re.sub(r"^engines\.\*", "engine", new).replace("challenges.*", "challenges.human")
        assert not new or new in COMING or any(is_below(name, key) for key in known), new
        assert row.how.startswith("=") or not new or row.how.split()[0] in program.converters


@pytest.mark.parametrize("number", ["-1e30", "1e30", ".inf", "-.inf", "0"])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda one: one.name)
def test_numbers_come_within_our_bounds(program: Program, number: str, tmp_path: Path) -> None:
    text = (
        (FILES / DEFAULT_FILES[program.name])
        .read_text("utf-8")
        .replace("enabled: false", "enabled: true")
    )
    for row, old, _ in rows(program):
        leaf = old.rpartition(".")[2]
        if len(row.how.split()) > 1 and not leaf.startswith(("min_", "opponent_min")):
            text = re.sub(rf"\b{leaf}: -?[\d.]+", f"{leaf}: {number}", text)
    text = re.sub(r"\b((opponent_)?min_\w+): [\d.]+", r"\1: 0", text)
    imported(text, tmp_path)


def table_of(program: Program) -> list[str]:
    """The table as the document has it."""
    lines: dict[tuple[str, str], str] = {}
    for row, old, new in rows(program):
        default = f"`{row.default}` without the key" if row.default else ""
        default = f"`{row.how[1:]}`" if row.how.startswith("=") else default
        remark = "; ".join(filter(None, [row.why, default]))
        lines.setdefault((old, new), f"| `{old}` | {f'`{new}`' if new else '-'} | {remark} |")
    return list(lines.values())


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda one: one.name)
def test_the_document_has_the_table(program: Program) -> None:
    sections = DOCUMENT.read_text("utf-8").split("\n## ")
    (section,) = [each for each in sections if each.startswith(f"Keys of {program.name}\n")]
    assert re.findall(r"^\| `.*", section, re.MULTILINE) == table_of(program)


def test_rows_have_six_cells() -> None:
    folder = Path(__file__).parents[3] / "crabstick" / "importing"
    for table in folder.glob("*.csv"):
        lines = list(csv.reader(table.read_text("utf-8").splitlines()))
        assert {len(line) for line in lines} == {6}
