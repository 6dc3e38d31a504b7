"""`crabstick import-config` writes settings that load, and says what it left out."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rich.console import Console

from crabstick.commands import import_config as command
from crabstick.errors import ConfigError
from crabstick.settings import Settings, load_settings
from crabstick.settings.matchmaking import TypeSettings
from tests.unit.importing.imports import FILES, imported

LB = (FILES / "lichess_bot_default.yml").read_text(encoding="utf-8")
BL = (FILES / "botli_default.yml").read_text(encoding="utf-8")


def part(settings: Settings, key: str) -> object:
    value: Any = settings.model_dump(mode="json")
    for step in re.split(r"\.(?!5\+)", key):
        value = value[step]
    return value


def test_the_default_file_of_lichess_bot(tmp_path: Path) -> None:
    settings, text, printed = imported(LB, tmp_path)
    assert settings.engine.path == tmp_path / "engines/engine_name"
    assert settings.engine.working_dir == tmp_path
    assert settings.engine.args == ("--cpuct=3.1",)
    assert settings.engine.options["Hash"] == "512"
    assert settings.engine.limits.move_time_ms == 1000
    assert settings.challenges.max_games == 1
    assert settings.challenges.accept_bots
    assert settings.challenges.only_from == ("user3", "user4")
    assert settings.challenges.bot.max_recent_challenges == 2  # type: ignore[attr-defined]
    assert settings.challenges.prefer == ("rating",)
    assert not settings.books.files
    assert settings.matchmaking.max_rating_diff == 300
    assert settings.matchmaking.types["easy 3+2 chess960 casual"] == TypeSettings(
        clock="3+2", variant="chess960", rated=False, weight=0.25
    )
    assert "# challenge.concurrency" in text
    assert "of lichess-bot" in printed
    assert "greeting: crabstick does not chat yet" in printed


def test_the_default_file_of_botli(tmp_path: Path) -> None:
    settings, text, printed = imported(BL, tmp_path)
    assert settings.engine.path == tmp_path / "engines/stockfish"
    assert settings.engine.ignore_unknown_options
    assert settings.engine.move_overhead_ms == 1000
    assert settings.engine.limits.move_time_ms == 5000
    assert settings.engine_of("variants").path == tmp_path / "engines/fairy-stockfish"
    assert settings.challenges.policy(is_bot=True).modes == {"rated"}
    assert settings.challenges.policy(is_bot=False).modes == {"casual", "rated"}
    assert settings.challenges.allow_list == ("Username1",)
    assert settings.challenges.block_list == ("Username2", "https://example.com/blocklist")
    assert not settings.books.files
    assert settings.matchmaking.types == {"bullet": TypeSettings(clock="3+1", weight=100)}
    assert settings.offer_draw.enabled
    assert "# challenge.bot.modes" in text
    assert "of BotLi" in printed


CASES = yaml.safe_load((FILES / "cases.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CASES)
def test_hand_written_settings(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    found = imported(case["config"], tmp_path)
    ours = {key: part(found.settings, key) for key in case["ours"]}
    assert ours == json.loads(json.dumps(case["ours"]).replace("HERE", str(tmp_path)))
    assert set(case.get("notes", ())) <= found.notes.keys()
    assert set(case.get("only_notes", found.notes)) == found.notes.keys()


def test_there_are_ten_of_them() -> None:
    assert len(CASES) >= 10


@pytest.mark.parametrize("text", [LB, BL])
@pytest.mark.parametrize("token", ["lip_abcDEF123456", "an0ther-s3rver:token", "1234567890123456"])
def test_a_token_is_never_written(tmp_path: Path, text: str, token: str) -> None:
    text = re.sub("^token: .*", f"token: {token}\ngreeting: {token}", text, flags=re.MULTILINE)
    text = re.sub("^greeting: {.*", "", text, flags=re.MULTILINE)
    found = imported(text.replace("engine_name", token).replace("stockfish", token), tmp_path)
    assert token not in found.text + found.printed
    assert "LICHESS_BOT_TOKEN" in found.text
    assert "lichess.token_file" in found.notes["token"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("engine: {kind: uci}\nchallenges: {}\nengines: {a: {path: x}}", "no key that only"),
        ("- 1\n- 2", "no key that only lichess-bot has (engine.name, "),
        ("just text", "and none that only BotLi has (engines.*.name, "),
        ("", "no key that only"),
        ("token: lip_123", "no key that only"),
        ("engine: [", "line 1"),
        ("a: 1\na: 2", "a is repeated"),
        ("a: &a [*a]", "aliases"),
        ("challenge: {accept_bot: yes, min_base: 60, max_base: 30}", "must not be above"),
        ("url: lichess.org\nabort_time: 3", "lichess.url"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        imported(text, tmp_path)
    assert "\n" not in str(caught.value)
    assert "config.yml" in str(caught.value)
    assert [each.name for each in tmp_path.iterdir()] == ["config.yml"]


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    large, binary = tmp_path / "large", tmp_path / "binary"
    with large.open("wb") as file:
        file.truncate(100_000_000)
    binary.write_bytes(b"token: \xff\xfe\x00")
    for path, words in [
        (tmp_path / "nowhere", "no such file"),
        (tmp_path, "cannot be read: Is a directory"),
        (large, "larger than 1000000 bytes"),
        (binary, "not UTF-8"),
    ]:
        with pytest.raises(ConfigError, match=words):
            command.import_config(path, tmp_path / "x.yaml", force=False, console=None)  # type: ignore[arg-type]
        assert not (tmp_path / "x.yaml").exists()


def test_a_file_is_never_replaced_without_force(tmp_path: Path) -> None:
    source, output = tmp_path / "config.yml", tmp_path / "crabstick.yaml"
    source.write_text(BL, encoding="utf-8")
    output.write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="is there already: give --force"):
        command.import_config(source, output, force=False, console=Console(quiet=True))
    assert output.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", ["nowhere/crabstick.yaml", "folder"])
def test_nothing_is_left_of_a_file_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    source = tmp_path / "config.yml"
    source.write_text(LB, encoding="utf-8")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match="cannot be written: "):
        command.import_config(source, tmp_path / name, force=True, console=Console(quiet=True))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["config.yml", "folder"]


def test_paths_lead_to_the_same_files_from_another_folder(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    source, output = tmp_path / "old" / "config.yml", tmp_path / "crabstick.yaml"
    source.write_text("engine: {dir: engines, name: sf}\nabort_time: 9", encoding="utf-8")
    command.import_config(source, output, force=False, console=Console(quiet=True))
    engine = load_settings(output).engine
    assert engine.path == tmp_path / "old" / "engines" / "sf"
    assert engine.working_dir == tmp_path / "old"


@pytest.mark.parametrize("key", ["a\nhttp: {port: 1}", "\x85http: {port: 1}", "\ud800", "#", "'"])
def test_no_word_of_the_old_file_becomes_a_setting(tmp_path: Path, key: str) -> None:
    strange = {"greeting": key, key: "x", "challenge": {key: 1, "block_list": [key]}}
    found = imported(json.dumps(strange), tmp_path)
    assert found.settings.http == Settings().http
    assert found.settings.challenges.block_list == ()


def test_options_reach_the_engine_as_they_are_written(tmp_path: Path) -> None:
    options = {
        "Move Overhead": "100",
        "a: #'": "b: #'\\",
        "Use NNUE": "false",
        "x": "1.50",
        "y": "on",
    }
    text = json.dumps({"engine": {"name": "sf", "uci_options": options}})
    assert imported(text, tmp_path).settings.engine.options == options


ODD = st.recursive(
    st.sampled_from([None, True, "yes", "3", -1, 0, 1.5, 1e30, "", "x", "3+2", "a: #", "standard"]),
    lambda it: st.lists(it, max_size=3) | st.dictionaries(st.sampled_from("a1*."), it, max_size=2),
    max_leaves=4,
)


def sections(values: object, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(values, dict):
        for key, below in values.items():
            yield (*above, key)
            yield from sections(below, (*above, key))


@given(text=st.sampled_from([LB, BL]), data=st.data())
@hypothesis_settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_odd_values_are_imported_or_refused_in_one_sentence(
    tmp_path: Path, text: str, data: st.DataObject
) -> None:
    values = yaml.safe_load(text.replace("enabled: false", "enabled: true"))
    places = st.sampled_from(list(sections(values)))
    for *above, key in data.draw(st.lists(places, min_size=1, max_size=4)):
        section = values
        for step in above:
            section = section.get(step) if isinstance(section, dict) else None
        if isinstance(section, dict):
            section[key] = data.draw(ODD)
    try:
        imported(json.dumps(values), tmp_path)
    except ConfigError as error:
        assert "\n" not in str(error)  # noqa: PT017 - most are imported
