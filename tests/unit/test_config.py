"""Settings come from environment, file and defaults, and every mistake is one clear sentence."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from crabstick.config import Settings, load_settings
from crabstick.errors import ConfigError

SECRET = "Q7secretQ7secret"  # noqa: S105 - nobody's


@pytest.fixture(autouse=True)
def _an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.upper().startswith("CRABSTICK__")]:
        monkeypatch.delenv(name)


def load(text: str) -> Settings:
    Path("crabstick.yaml").write_text(text, encoding="utf-8")
    return load_settings(None)


def problem_with(text: str | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(None) if text is None else load(text)
    assert SECRET not in repr(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2
    return str(caught.value)


# Where settings come from


def test_without_a_file_the_defaults_hold() -> None:
    assert load_settings(None) == Settings()


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "http:\nengine:\n", "{}"])
def test_an_empty_file_or_section_changes_nothing(text: str) -> None:
    assert load(text) == Settings()


def test_the_file_wins_over_the_default() -> None:
    assert load("http: {port: 8001}").http.port == 8001


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRABSTICK__HTTP__PORT", "8002")
    http = load("http: {port: 8001, host: example.org}").http
    assert (http.host, http.port) == ("example.org", 8002)


def test_a_named_file_is_read_instead_of_the_default_one(tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("\ufeffhttp: {port: 9}", encoding="utf-8")
    Path("crabstick.yaml").write_text("http: {port: 8}", encoding="utf-8")
    assert load_settings(other).http.port == 9


@pytest.mark.parametrize("value", ["casual", '["casual"]', "casual,", " casual "])
def test_a_list_in_the_environment_is_json_or_words_with_commas(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("CRABSTICK__CHALLENGES__MODES", value)
    assert load_settings(None).challenges.modes == frozenset({"casual"})


def test_the_environment_reaches_every_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRABSTICK__ENGINE__LIMITS__NODES", "7")
    monkeypatch.setenv("CRABSTICK__CLUSTER__SLOT_CPUS", "0.5")
    monkeypatch.setenv("CRABSTICK__CHALLENGES__ACCEPT_BOTS", "false")
    settings = load_settings(None)
    assert settings.engine.limits.nodes == 7
    assert settings.cluster.slot_cpus == 0.5
    assert settings.challenges.accept_bots is False


def test_an_engine_option_of_the_environment_replaces_the_same_one_of_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CRABSTICK__ENGINE__OPTIONS__HASH", "5")
    options = load("engine: {options: {Hash: 3, Move Overhead: 2}}").engine.options
    assert options == {"Hash": "5", "Move Overhead": 2}


def test_a_url_loses_its_last_slash() -> None:
    assert load("lichess: {url: 'http://localhost:9663/'}").lichess.url == "http://localhost:9663"


# Paths


def test_relative_paths_are_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    (folder / "bot.yaml").write_text(
        "lichess: {token_file: token}\nengine: {kind: uci, path: ./sf}\n", encoding="utf-8"
    )
    settings = load_settings(Path("deep/bot.yaml"))
    assert settings.lichess.token_file == folder / "token"
    assert settings.engine.path == folder / "sf"


def test_relative_paths_of_the_environment_are_taken_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRABSTICK__HTTP__ADMIN_TOKEN_FILE", "admin")
    assert load_settings(None).http.admin_token_file == tmp_path / "admin"


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load("lichess: {token_file: ~/t}").lichess.token_file == tmp_path / "t"


def test_an_unknown_home_stays_a_path_that_will_not_be_found(tmp_path: Path) -> None:
    token_file = load("lichess: {token_file: ~nobody.at.all/t}").lichess.token_file
    assert token_file == tmp_path / "~nobody.at.all/t"


def test_a_bare_engine_name_is_left_for_the_path_of_each_node() -> None:
    engine = load("engine: {kind: uci, path: stockfish}").engine
    assert engine.spec().command == ("stockfish",)


# Mistakes, sentence by sentence


def test_a_near_miss_is_answered_with_the_right_key() -> None:
    assert problem_with("challenges: {max_game: 3}") == (
        "crabstick.yaml: challenges.max_game is not a known key; did you mean challenges.max_games?"
    )


def test_a_key_without_a_near_miss_is_answered_with_its_neighbours() -> None:
    assert problem_with("http: {qqq: 1}") == (
        "crabstick.yaml: http.qqq is not a known key; "
        "known there: http.host, http.port, http.admin_token_file"
    )


def test_a_misspelt_variable_is_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRABSTICK__HTTP__PROT", "1")
    assert problem_with() == (
        "CRABSTICK__HTTP__PROT is not a known key; did you mean CRABSTICK__HTTP__PORT?"
    )


def test_a_variable_below_another_one_is_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRABSTICK__HTTP__PORT", "1")
    monkeypatch.setenv("CRABSTICK__HTTP__PORT__NUMBER", "2")
    assert problem_with().startswith("CRABSTICK__HTTP__PORT__NUMBER is not a known key")


@pytest.mark.parametrize("name", ["CRABSTICK__HTPP__PORT", "CRABSTICK__PORT"])
def test_a_misspelt_section_in_a_variable_is_an_error_too(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")
    assert problem_with() == f"{name} is not a known key; did you mean CRABSTICK__HTTP__PORT?"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CRABSTICK_HTTP_PORT", "CRABSTICK__HTTP__PORT"),
        ("crabstick_http_port", "CRABSTICK__HTTP__PORT"),
        ("CRABSTICK__HTTP_PORT", "CRABSTICK__HTTP__PORT"),
        ("CRABSTICK_CHALLENGES__MAX__GAMES", "CRABSTICK__CHALLENGES__MAX_GAMES"),
        ("CRABSTICK_ENGINE_OPTIONS_CLEAR_HASH", "CRABSTICK__ENGINE__OPTIONS__CLEAR_HASH"),
    ],
)
def test_a_variable_with_other_underscores_is_an_error_too(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "1")
    assert problem_with() == f"{name} is no setting; did you mean {meant}?"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CRABSTICK_ADMIN_TOKEN", "abc"),
        ("CRABSTICK_SANDBOX_ADMIN_TOKEN", "abc"),
        ("CRABSTICK_RECORDINGS", "recordings"),
        ("CRABSTICK_HTTP_PORT", "tcp://10.0.0.7:80"),
        ("CRABSTICK_HTTP_PORT_80_TCP_ADDR", "10.0.0.7"),
    ],
)
def test_a_variable_that_means_no_setting_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """The last two are how Kubernetes tells of our service crabstick-http."""
    monkeypatch.setenv(name, value)
    assert load_settings(None) == Settings()


def test_a_wrong_value_of_a_variable_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRABSTICK__HTTP__PORT", "99999")
    assert problem_with("http: {port: 1}") == (
        "CRABSTICK__HTTP__PORT is '99999'; it must be a whole number from 1 to 65535"
    )


def test_a_wrong_key_within_a_json_variable_names_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CRABSTICK__HTTP", '{"prot": 1}')
    assert problem_with().startswith("CRABSTICK__HTTP__PROT is not a known key")


WRONG_VALUES = [
    ("http: {port: 0}", "http.port is 0; it must be a whole number from 1 to 65535"),
    ("http: {port: 65536}", "http.port is 65536; it must be a whole number from 1 to 65535"),
    ("http: {port: yes}", "http.port is true; it must be a whole number from 1 to 65535"),
    ("http: {port: }", "http.port is empty; it must be a whole number from 1 to 65535"),
    ("http: {port: [1, 2]}", "http.port is [1, 2]; it must be a whole number from 1 to 65535"),
    ("http: {host: a b}", "http.host is 'a b'; it must be a host name or an address: "),
    ("http: [1]", "http must be a mapping of keys to values"),
    ("engine: {limits: fast}", "engine.limits must be a mapping of keys to values"),
    ("engine: {limits: {nodes: 0}}", "engine.limits.nodes is 0; it must be a whole number from 1"),
    ("engine: {kind: uic}", "engine.kind is 'uic'; it must be embedded or uci (did you mean uci?)"),
    ("engine: {kind: uci}", "engine.kind is uci, so engine.path must name the engine's program"),
    ("engine: {path: sf}", "engine.path is sf but engine.kind is embedded; write engine.kind: uci"),
    ("engine: {options: 3}", "engine.options is 3; it must be a mapping of the engine's option"),
    ("engine: {options: {Hash: 1.5}}", "engine.options is a mapping; it must hold text, whole"),
    ('engine: {options: {A: "b\\nquit"}}', "engine.options is a mapping; it must hold text, whole"),
    ("engine: {options: {1: 2}}", "engine.options is a mapping; it must have text as option names"),
    (
        "challenges: {variants: [chess960]}",
        (
            "challenges.variants is ['chess960']; it may hold standard only, for nothing else is "
            "played so far"
        ),
    ),
    (
        "challenges: {time_controls: [blits]}",
        (
            "challenges.time_controls is ['blits']; it may hold bullet, blitz, rapid or "
            "classical only (did you mean blitz?)"
        ),
    ),
    (
        "challenges: {time_controls: [correspondence]}",
        (
            "challenges.time_controls is ['correspondence']; it may hold bullet, blitz, rapid or "
            "classical only, for only games with a clock are played so far"
        ),
    ),
    ("challenges: {modes: []}", "challenges.modes is []; it must be a list of casual or rated"),
    ("challenges: {modes: 1}", "challenges.modes is 1; it must be a list of casual or rated"),
    ("challenges: {modes: {a: 1}}", "challenges.modes is a mapping; it must be a list of casual"),
    ("challenges: {modes: [[1]]}", "challenges.modes is a list; it must be a list of casual or"),
    ("challenges: {accept_bots: 3}", "challenges.accept_bots is 3; it must be true or false"),
    (
        "challenges: {min_initial_s: 90, max_initial_s: 60}",
        (
            "challenges.min_initial_s is 90 but challenges.max_initial_s is 60; the first must "
            "not be above the second"
        ),
    ),
    (
        "challenges: {min_increment_s: 30}",
        (
            "challenges.min_increment_s is 30 but challenges.max_increment_s is 20; the first "
            "must not be above the second"
        ),
    ),
    ("challenges: {max_games: '--3'}", "challenges.max_games is '--3'; it must be a whole number"),
    ("cluster: {slot_cpus: 0}", "cluster.slot_cpus is 0; it must be a number from 0.01 to 1024"),
    ("cluster: {slot_cpus: .nan}", "cluster.slot_cpus is nan; it must be a number from 0.01"),
    ("cluster: {slot_cpus: a}", "cluster.slot_cpus is 'a'; it must be a number from 0.01 to 1024"),
    ("cluster: {slot_cpus: [1]}", "cluster.slot_cpus is [1]; it must be a number from 0.01"),
    ("cluster: {namespace: ''}", "cluster.namespace is ''; it must be a name for Ray's namespace"),
    ("lichess: {url: lichess.org}", "lichess.url is 'lichess.org'; it must be a URL with http or"),
    ("lichess: {url: 'ftp://x'}", "lichess.url is 'ftp://x'; it must be a URL with http or https"),
    ("lichess: {url: 'http://[x'}", "lichess.url is 'http://[x'; it must be a URL such as"),
    ("lichess: {url: 'http://x:y'}", "lichess.url is 'http://x:y'; it must be a URL such as"),
    ("lichess: {url: 'http://x/y'}", "lichess.url is 'http://x/y'; it must end after the host"),
    ("lichess: {url: 5}", "lichess.url is 5; it must be a URL with http or https and a host"),
    ("lichess: {token_file: ''}", "lichess.token_file is ''; it must be the path of a file"),
    ("lichess: {token_file: [a]}", "lichess.token_file is ['a']; it must be the path of a file"),
    ("1: 2", "1 is not a known key; keys are text"),
]


@pytest.mark.parametrize(("text", "expected"), WRONG_VALUES, ids=[text for text, _ in WRONG_VALUES])
def test_a_wrong_value_is_named_with_what_would_be_right(text: str, expected: str) -> None:
    assert problem_with(text).startswith(f"crabstick.yaml: {expected}")


def test_a_contradiction_that_the_environment_takes_part_in_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CRABSTICK__CHALLENGES__MAX_INITIAL_S", "9")
    assert problem_with("http: {}").startswith("crabstick.yaml and the environment: challenges.min")


@pytest.mark.parametrize(
    ("text", "more"),
    [("http: {prot: 1, prto: 1}", "(and 1 more problem)"), ("a: 1\nb: 1\nc: 1", "(and 2 more")],
)
def test_further_problems_are_counted(text: str, more: str) -> None:
    assert more in problem_with(text)


# Files that are no configuration


def test_a_named_file_that_is_missing_is_an_error() -> None:
    with pytest.raises(ConfigError, match=re.escape("the configuration file a.yaml: there is no")):
        load_settings(Path("a.yaml"))


def test_a_working_directory_that_cannot_be_read_has_no_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_file: Path) -> bool:
        raise PermissionError

    monkeypatch.setattr(Path, "exists", refuse)
    assert load_settings(None) == Settings()


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a directory; it must be a file"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: b: c", "crabstick.yaml, line 1: mapping values are not allowed here"),
        ("http:\n  port: [1", "crabstick.yaml, line 2: expected ',' or ']'"),
        ("a: 1\n--- \nb: 2", "crabstick.yaml, line 2: but found another document"),
        ("http: &x {}\ncluster: *x", "crabstick.yaml, line 2: aliases (*name) are not read"),
        ("a: !!python/name:os.system x", "crabstick.yaml, line 1: could not determine a constr"),
        ("{a: b}: 2", "crabstick.yaml, line 1: found unhashable key"),
        ("x: 2026-99-99", "crabstick.yaml holds something that YAML cannot read"),
        ("a: !!bool maybe", "crabstick.yaml holds something that YAML cannot read"),
        ("a: !!timestamp foo", "crabstick.yaml holds something that YAML cannot read"),
        ("a: !!int ''", "crabstick.yaml holds something that YAML cannot read"),
        ("\x01", "crabstick.yaml holds something that YAML cannot read"),
        ("- a", "crabstick.yaml must be a mapping of sections such as lichess: and engine:"),
        ("hello", "crabstick.yaml must be a mapping of sections such as lichess: and engine:"),
        ("a: " + "[" * 5000 + "]" * 5000, "crabstick.yaml, line 1: this is nested too deeply"),
    ],
)
def test_broken_yaml_is_told_with_its_line(text: str, expected: str) -> None:
    assert problem_with(text).startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http:\n  port: 1\n  port: 2", "http.port stands twice, in lines 2 and 3"),
        ("http: {port: 1, port: 2}", "http.port stands twice, in line 1; keep one of them"),
        ("http: {port: 1}\nhttp: {}", "http stands twice, in lines 1 and 2"),
        ("engine:\n  options:\n    Hash: 1\n    Hash: 2", "engine.options.Hash stands twice"),
    ],
)
def test_a_key_that_stands_twice_is_an_error(text: str, expected: str) -> None:
    assert problem_with(text).startswith(f"crabstick.yaml: {expected}")


# Secrets


def test_a_token_in_the_file_is_told_where_it_belongs() -> None:
    assert problem_with(f"lichess: {{token: {SECRET}}}") == (
        "crabstick.yaml: lichess.token: a token does not belong into the configuration; put it "
        "into the environment variable LICHESS_BOT_TOKEN, or into a file of its own that "
        "lichess.token_file names"
    )


@pytest.mark.parametrize(
    ("text", "variable"),
    [
        (f"token: {SECRET}", "LICHESS_BOT_TOKEN"),
        (f"lichess: {{account: [{{Token: {SECRET}}}]}}", "LICHESS_BOT_TOKEN"),
        (f"http: {{admin_token: {SECRET}}}", "CRABSTICK_ADMIN_TOKEN"),
    ],
)
def test_a_token_anywhere_is_told_where_it_belongs(text: str, variable: str) -> None:
    assert (
        f"does not belong into the configuration; put it into the environment variable {variable}"
        in (problem_with(text))
    )


@pytest.mark.parametrize("name", ["CRABSTICK__LICHESS__TOKEN", "CRABSTICK__TOKEN"])
def test_a_token_in_a_setting_variable_is_told_where_it_belongs(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, SECRET)
    assert problem_with().startswith("the environment sets ")


def test_a_token_in_the_place_of_its_file_is_not_repeated() -> None:
    assert problem_with("lichess: {token_file: lip_abcDEF123}") == (
        "crabstick.yaml: lichess.token_file is (not shown); it must be the path of a file that "
        "holds the token, not the token itself"
    )


@pytest.mark.parametrize(
    "text",
    [
        f"lichess: {SECRET}",
        f"lichess: {{url: {SECRET}}}",
        f"lichess: {{url: 'https://me:{SECRET}@lichess.org'}}",
        f"lichess: {{tokn: {SECRET}}}",
        f"lichess: {{url: {{token_: {SECRET}}}}}",
        f"http: {{port: {SECRET}}}",
        f"challenges: {{modes: [{SECRET}]}}",
        f"engine: {{options: {{Password: [{SECRET}]}}}}",
        f"lichess: {{token_file: 'x: {SECRET}}}",
    ],
)
def test_no_error_repeats_what_may_be_a_secret(text: str) -> None:
    assert problem_with(text)


# Laws

yaml_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["http", "port", "engine", "options", "kind", "challenges", "modes", "x"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.text() | yaml_like.map(repr))
def test_any_file_is_either_settings_or_one_sentence(text: str) -> None:
    try:
        Path("crabstick.yaml").write_text(text, encoding="utf-8")
    except UnicodeEncodeError:
        return
    try:
        settings = load_settings(None)
    except ConfigError as error:
        assert str(error).startswith("crabstick.yaml")  # noqa: PT017 - either is fine
    else:
        assert Settings.from_message(settings.to_message()) == settings
