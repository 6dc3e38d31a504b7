"""The documents of the configuration say what the settings are, no more and no less."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from pydantic import BaseModel

from crabstick.explain import known_keys
from crabstick.settings import Settings, load_settings
from crabstick.settings.model import LimitSettings, PositionSettings

ROOT = Path(__file__).parents[3]
UNITS = {"_ms": "ms", "_s": "s", "_mb": "MiB", "_cpus": "CPUs"}


class Row(NamedTuple):
    """One line of a table in docs/configuration.md."""

    key: str
    type: str
    default: str
    unit: str
    meaning: str


def rows() -> list[Row]:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| (`[a-z_.]+` \|.*) \|$", text, re.MULTILINE)
    return [Row(*(cell.strip().strip("`") for cell in line.split("|"))) for line in lines]


def default_of(key: str) -> object:
    value: object = Settings().model_dump(mode="json")
    for part in key.split("."):
        if isinstance(value, list):
            entry = PositionSettings.model_construct(fen=None, limits=LimitSettings())
            value = entry.model_dump(mode="json", warnings=False)
        assert isinstance(value, dict)
        value = value[part]
    if isinstance(value, dict):  # None in challenges.human is what holds for all
        return {name: it for name, it in value.items() if it is not None}
    return value


def documented_keys() -> list[str]:
    """All keys, without those of one kind of opponent, which are the keys for all."""
    kinds = re.compile(r"(challenges\.(human|bot))\..*")
    return list(dict.fromkeys(kinds.sub(r"\1", key) for key in known_keys(Settings)))


def test_every_key_is_documented_once_in_the_order_of_the_settings() -> None:
    assert [row.key for row in rows()] == documented_keys()


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.key)
def test_a_row_has_type_default_unit_and_meaning(row: Row) -> None:
    default = None if row.default == "none" else yaml.safe_load(row.default)
    assert (sorted(default) if isinstance(default, list) else default) == default_of(row.key)
    in_key = [unit for suffix, unit in UNITS.items() if row.key.endswith(suffix)]
    assert not in_key or row.unit == in_key[0]
    assert row.type
    assert row.meaning.endswith(".")


def test_the_example_holds_the_defaults() -> None:
    assert load_settings(ROOT / "crabstick.example.yaml") == Settings()


def test_the_example_names_every_key() -> None:
    text = (ROOT / "crabstick.example.yaml").read_text(encoding="utf-8")
    assert [key for key in documented_keys() if key.rpartition(".")[2] not in text] == []


def test_settings_are_frozen_all_the_way_down() -> None:
    sections = [value for _, value in Settings() if isinstance(value, BaseModel)]
    assert all(section.model_config.get("frozen") for section in [Settings(), *sections])
