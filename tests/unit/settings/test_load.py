"""Settings come from environment, file and defaults, and every mistake is one clear sentence."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from crabstick.errors import ConfigError
from crabstick.settings import Settings, load_settings, settings_from, settings_source

SECRET = "Q7secretQ7secret"  # noqa: S105 - nobody's


def load(text: str = "", **variables: str) -> Settings:
    """The settings of `crabstick.yaml` and of variables, here without their prefix."""
    environment = {f"CRABSTICK__{name}": value for name, value in variables.items()}
    return settings_from(text, environment, source="crabstick.yaml")


def problem_with(text: str = "", environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        settings_from(text, environment or {}, source="crabstick.yaml")
    assert SECRET not in repr(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2
    return str(caught.value)


# Where settings come from


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "http:\nengine:\n", "{}"])
def test_an_empty_file_or_section_changes_nothing(text: str) -> None:
    assert load(text) == Settings()


def test_the_environment_wins_over_the_file_and_the_file_over_the_default() -> None:
    http = load("http: {port: 8001, host: example.org}", HTTP__PORT="8002").http
    assert (http.host, http.port) == ("example.org", 8002)


def test_the_file_of_this_folder_is_read_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.environ", {"CRABSTICK__CLUSTER__STANDBY": "3"})
    assert load_settings(None) == load(CLUSTER__STANDBY="3")
    Path("crabstick.yaml").write_text("http: {port: 8}", encoding="utf-8")
    Path("other.yaml").write_text("\ufeffhttp: {port: 9}", encoding="utf-8")
    assert load_settings(None).http.port == 8
    assert load_settings(Path("other.yaml")).http.port == 9
    with pytest.raises(ConfigError, match=r"the configuration file a\.yaml: there is no such file"):
        load_settings(Path("a.yaml"))


@pytest.mark.parametrize(
    "name",
    [
        "crabstick.yml",
        "Crabstick.yaml",
        "CRABSTICK.YML",
        ".crabstick.yaml",
        "crabstick.yaml.txt",
        "crabstick.yml.yaml",
        "crabsticks.yaml",
        "crabstick.yaml ",
        "crabstick.ymal",
    ],
)
def test_a_file_with_a_similar_name_is_never_passed_over_in_silence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).symlink_to("nowhere")  # a link to nothing is a slip as well
    Path("here.yaml").touch()
    with pytest.raises(ConfigError, match=f"^{name} is not read: rename it to crabstick.yaml, or "):
        load_settings(None)
    load_settings(Path("here.yaml"))
    Path("crabstick.yaml").touch()
    load_settings(None)
    assert settings_source(None) == f"{tmp_path}/crabstick.yaml, {name} is not read"


@pytest.mark.parametrize(
    "name", ["crabstick.example.yaml", "crabstick-2.yaml", "crabstick.yaml~", "crabstick.py"]
)
def test_a_file_with_a_name_of_its_own_is_no_slip(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).touch()
    Path("crabstick.yml").mkdir()
    load_settings(None)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda path: path.symlink_to("nowhere"),
            ": there is a link to a file that does not exist",
        ),
        (lambda path: path.symlink_to(path.name), " cannot be read: Too many levels of symbolic"),
        (lambda path: path.mkdir(), " cannot be read: Is a directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(
    make: Callable[[Path], None],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    make(Path("crabstick.yaml"))
    with pytest.raises(ConfigError, match=f"the configuration file crabstick.yaml{words}"):
        load_settings(None)


def test_the_source_of_the_settings_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings_source(None) == f"no crabstick.yaml in {tmp_path}"
    assert settings_source(Path("b.yaml")) == f"{tmp_path}/b.yaml"
    assert settings_source(Path("/etc/b.yaml")) == "/etc/b.yaml"
    tmp_path.rmdir()
    assert settings_source(None) == "no crabstick.yaml in this folder"


@pytest.mark.parametrize("value", ["casual", "casual,", " casual ", '["casual"]'])
def test_a_list_in_the_environment_is_json_or_words_with_commas(value: str) -> None:
    assert load(CHALLENGES__MODES=value).challenges.modes == frozenset({"casual"})


def test_the_environment_reaches_every_depth() -> None:
    settings = load(
        ENGINE__LIMITS__NODES="7", CLUSTER__SLOT_CPUS=".5", CHALLENGES__ACCEPT_BOTS="false"
    )
    assert settings.engine.limits.nodes == 7
    assert settings.cluster.slot_cpus == 0.5
    assert settings.challenges.accept_bots is False


def test_an_engine_option_of_the_environment_replaces_the_same_one_of_the_file() -> None:
    settings = load("engine: {options: {Hash: 3, Move Overhead: 2}}", ENGINE__OPTIONS__HASH="5")
    assert settings.engine.options == {"Hash": "5", "Move Overhead": "2"}


def test_what_the_engine_gets_is_as_it_is_written() -> None:
    engine = load(
        "engine: {kind: uci, path: lc0, args: [--x, 1.50, on], env: {A: 010, B: }, options: "
        "{CPuct: 1.745, LogFile: off, Mode: Off, SyzygyPath: , Own: true, Hash: 0x10}}"
    ).engine
    assert engine.args == ("--x", "1.50", "on")
    assert engine.env == {"A": "010", "B": ""}
    assert engine.options == {
        "CPuct": "1.745",
        "LogFile": "off",
        "Mode": "Off",
        "SyzygyPath": None,
        "Own": "true",
        "Hash": "0x10",
    }


def test_json_and_variables_of_the_engine_are_text_too() -> None:
    engine = load(
        "engine: {kind: uci, path: lc0}",
        ENGINE__ARGS='["--threads", 2]',
        ENGINE__ENV__OMP_NUM_THREADS="2",
        ENGINE__OPTIONS='{"CPuct": 1.50}',
    ).engine
    assert engine.args == ("--threads", "2")
    assert (engine.env, engine.options) == ({"OMP_NUM_THREADS": "2"}, {"CPuct": "1.50"})


def test_a_homemade_engine_is_beside_the_configuration() -> None:
    text = "engine: {kind: homemade, path: 'my:Bot', args: [7]}"
    settings = settings_from(text, {}, source="bot.yaml", folder=Path("/deep"))
    spec = settings.engine_spec()
    assert (spec.command[-3:], spec.working_dir) == (("engine.homemade", "my:Bot", "7"), "/deep")
    assert spec.label == "homemade my:Bot 7"


def test_a_mapping_in_the_environment_is_json_and_an_engine_option_is_text() -> None:
    settings = load(ENGINE__OPTIONS='{"Skill Level": 5, "Book": ""}', ENGINE__OPTIONS__BOOK="[1]")
    assert settings.engine.options == {"Skill Level": 5, "Book": "[1]"}


def test_without_a_file_no_reader_of_yaml_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "crabstick.yaml_documents", None)  # its import fails
    assert load() == Settings()


# Paths


def test_relative_paths_begin_at_the_folder_of_the_file_or_at_the_working_directory() -> None:
    text = "lichess: {token_file: token}\nengine: {kind: uci, path: ./sf}\n"
    variables = {"CRABSTICK__HTTP__ADMIN_TOKEN_FILE": "admin"}
    settings = settings_from(text, variables, source="bot.yaml", folder=Path("/deep"))
    assert settings.lichess.token_file == Path("/deep/token")
    assert settings.engine.path == Path("/deep/sf")
    assert settings.http.admin_token_file == Path.cwd() / "admin"


def test_a_tilde_is_the_home_folder_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert load("lichess: {token_file: ~/t}").lichess.token_file == Path("/home/me/t")
    token_file = load("lichess: {token_file: ~nobody.at.all/t}").lichess.token_file
    assert token_file == Path.cwd() / "~nobody.at.all/t"


def test_lists_of_paths_begin_at_the_folder_of_the_file_too() -> None:
    text = "books: {files: {standard: [a.bin, /b.bin]}}\nsyzygy: {paths: [./t]}\n"
    settings = settings_from(text, {}, source="bot.yaml", folder=Path("/deep"))
    assert settings.books.files == {"standard": (Path("/deep/a.bin"), Path("/b.bin"))}
    assert settings.syzygy.paths == (Path("/deep/t"),)
    gaviota = settings_from("gaviota: {paths: [g]}", {}, source="", folder=Path("/deep")).gaviota
    assert gaviota.paths == (Path("/deep/g"),)
    variables = {"CRABSTICK__SYZYGY__PATHS": '["t"]'}
    assert settings_from("", variables, source="").syzygy.paths == (Path.cwd() / "t",)


def test_a_bare_engine_name_is_left_for_the_path_of_each_node() -> None:
    assert str(load("engine: {kind: uci, path: stockfish}").engine.path) == "stockfish"


# Keys and variables that do not exist


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("challenges: {max_game: 3}", "max_game is not a known key; did you mean challenges.max_g"),
        ("http: {qqq: 1}", "http.qqq is not a known key; known there: http.enabled, http.host"),
        ("engine: {draw_or_resign: {}}", "did you mean offer_draw?"),
        ("books: {files: {standart: [a]}}", "books.files.standart must be standard, chess960, fr"),
        ("books: {files: {standart: [a]}}", "(did you mean standard?)"),
        ("books: {files: a.bin}", "it must be a mapping of variants to lists of books"),
        ("lichess_bot_tbs: {}", "did you mean syzygy?"),
        ("online: {urls: {chesdb: http://x}}", "online.urls.chesdb must be chessdb, lichess_cloud"),
        ("online: {sources: [lichess_cloud_analysis]}", "(did you mean lichess_cloud?)"),
        ("online: {opening_explorer: {}}", "did you mean online.sources?"),
        ("engine: {online_moves: {}}", "did you mean online?"),
        ("gaviota: {move_quality: best}", "did you mean syzygy.instant_play?"),
        ("books: {files: {standard: 3}}", "books.files.standard is 3; it must be"),
        ("syzygy: {paths: [lip_x]}", "must be the path of a file that holds the token, not the"),
        ("1: 2", "1 is not a known key; keys are text"),
        ("http: {prot: 1, prto: 1}", "(and 1 more problem)"),
        ("a: 1\nb: 1\nc: 1", "(and 2 more problems)"),
    ],
)
def test_an_unknown_key_is_answered_with_those_that_exist(text: str, advice: str) -> None:
    assert advice in problem_with(text)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("CRABSTICK__HTTP__PROT", "is not a known key; did you mean CRABSTICK__HTTP__PORT?"),
        ("CRABSTICK__PORT", "is not a known key; did you mean CRABSTICK__HTTP__PORT?"),
        ("CRABSTICK__HTTP__PORT__NUMBER", "CRABSTICK__HTTP__PORT is a mapping; it must be a"),
        ("CRABSTICK__HTPP__PORT", "HTPP is not a known key; did you mean CRABSTICK__HTTP?"),
        ("CRABSTICK_HTTP_PORT", "is not a setting; did you mean CRABSTICK__HTTP__PORT?"),
        ("crabstick__http_port", "is not a setting; did you mean CRABSTICK__HTTP__PORT?"),
        ("CRABSTICK_CHALLENGES__MAX__GAMES", "did you mean CRABSTICK__CHALLENGES__MAX_GAMES?"),
        ("CRABSTICK_ENGINE_OPTIONS_CLEAR_HASH", "mean CRABSTICK__ENGINE__OPTIONS__CLEAR_HASH?"),
    ],
)
def test_a_misspelt_variable_is_an_error_too(name: str, problem: str) -> None:
    assert problem in problem_with(environment={name: "1"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CRABSTICK_ADMIN_TOKEN", "abc"),
        ("CRABSTICK_SANDBOX_ADMIN_TOKEN", "abc"),
        ("CRABSTICK_HTTP_PORT", "tcp://10.0.0.7:80"),
        ("CRABSTICK_HTTP_PORT_80_TCP_ADDR", "10.0.0.7"),
    ],
)
def test_a_variable_that_means_no_setting_is_left_alone(name: str, value: str) -> None:
    """Kubernetes sets the last two for our service crabstick-http."""
    assert settings_from("", {name: value}, source="x") == Settings()


# Values that cannot be right


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("HTTP__PORT", "99999", "CRABSTICK__HTTP__PORT is 99999; it must be a whole"),
        ("ENGINE__KIND", "embedded", "CRABSTICK__ENGINE__KIND is 'embedded'; it must be bundled; "),
        ("HTTP", "8000", "CRABSTICK__HTTP must be a mapping of keys to values"),
        ("HTTP", '{"prot": 1}', "CRABSTICK__HTTP__PROT is not a known key; did you mean"),
        ("HTTP", f"{{{SECRET}", "CRABSTICK__HTTP begins with { but is not JSON: write a list as"),
        ("CHALLENGES__MODES", "[" * 100_000, "CRABSTICK__CHALLENGES__MODES begins with [ but is"),
        ("CHALLENGES__MAX_INITIAL_S", "9", "crabstick.yaml and the environment: challe"),
    ],
)
def test_a_wrong_value_of_a_variable_names_the_variable(
    name: str, value: str, problem: str
) -> None:
    variables = {f"CRABSTICK__{name}": value}
    assert problem_with("cluster: {standby: 1}", variables).startswith(problem)


PORT = "it must be a whole number from 1 to 65535"
WRONG_VALUES = [
    ("http: {port: 0}", f"http.port is 0; {PORT}"),
    ("http: {port: yes}", f"http.port is true; {PORT}"),
    ("http: {port: }", f"http.port is empty; {PORT}"),
    ("http: {host: a b}", "http.host is 'a b'; it must be a host name or an address: "),
    ("engine: {limits: fast}", "engine.limits must be a mapping of keys to values"),
    ("engine: {kind: uic}", "engine.kind is 'uic'; it must be bundled, uci, xboard or home"),
    ("engine: {kind: embedded}", "engine.kind is 'embedded'; it must be bundled; a Fairy"),
    ("engine: {kind: uci}", "engine.kind is uci, so engine.path must name the engine's program"),
    ("engine: {path: sf}", "but engine.kind is bundled; write engine.kind: uci"),
    ("engine: {options: 3}", "engine.options is 3; it must be a mapping of the engine's option"),
    ("engine: {options: {hash: 1, Hash: 2}}", "not name hash and Hash, which are one option"),
    ("engines: {3+2_rapid: {}}", "engines.3+2_rapid fits no game"),
    ("engine: {options: {Hash: [1]}}", "engine.options is a mapping; it must hold text, numbers"),
    (
        "engine: {args: --threads 2}",
        "engine.args is '--threads 2'; it must be a list of text",
    ),
    ("engine: {env: [A]}", "engine.env must be a mapping of variables to text"),
    ("engine: {args: [a]}", "engine.args is ('a',) but engine.kind is bundled"),
    ("engine: {kind: homemade}", "engine.path must name the engine's class (module:Class)"),
    ("engine: {kind: homemade, path: my.py}", "homemade it must be module:Class, where module.py"),
    ("engine: {kind: xboard, path: a, limits: {nodes: 9}}", "which xboard engines do not know"),
    ("engine: {kind: xboard, path: a, ponder: true}", "engine.ponder is set, which xboard engines"),
    ("engine: {kind: homemade, path: 'a:B', ponder: yes}", "which homemade engines do not know"),
    (
        'engine: {options: {A: "b\\nquit"}}',
        "engine.options is a mapping; it must hold text, numbers",
    ),
    ("challenges: {variants: [kingOfTheHil]}", "(did you mean kingOfTheHill?)"),
    ("challenges: {time_controls: [blits]}", "time_controls[0] is 'blits'; it must be bullet, bli"),
    ("challenges: {time_controls: bliz}", "unlimited or a clock such as 3+2 (did you mean blitz?)"),
    ("challenges: {bot: {modes: [x]}}", "challenges.bot.modes[0] is 'x'; it must be casual or"),
    ("challenges: {bot: {mode: [x]}}", "did you mean challenges.bot.modes?"),
    ("challenges: {human: {min_rating: 9, max_rating: 1}}", "challenges.human.min_rating is 9 but"),
    ("challenges: {block_list: [a b]}", "must be a name on Lichess, a text file of names"),
    ("challenges: {reserved_for_humans: 5}", "but challenges.max_games is 4; it must not be"),
    ("challenges: {accept_bots: 3}", "challenges.accept_bots is 3; it must be true or false"),
    ("challenges: {min_initial_s: 90, max_initial_s: 60}", "is 90 but challenges.max_initial_s is"),
    ("cluster: {slot_cpus: 0}", "cluster.slot_cpus is 0; it must be a number from 0.01 to 1024"),
    ("cluster: {namespace: ''}", "cluster.namespace is ''; it must be a name for Ray's namespace"),
    ("lichess: {token_file: ''}", "lichess.token_file is ''; it must be the path of a file"),
]


ODDS = "4k3/8/8/8/8/8/8/R3K3"
WRONG_VALUES += [
    ("engines: {leela: {}}", "engines.leela fits no game, and no other key or position names it"),
    ("engines: {blits: default2}", "engines.blits is default2, not an engine; did you mean de"),
    ("engines: {leela: {}, bullet: lela}", "engines.bullet is lela, not an engine; did you me"),
    ("engines: {default: lela, leela: {}}", "engines.default is lela, not an engine; did you "),
    ("engines: {bullet: blitz, blitz: bullet}", "engines.bullet leads in a circle, and to no eng"),
    ("engines: {a: default, default: a}", "engines.a leads in a circle, and to no engine"),
    ("engines: {blitz: blitz}", "engines.blitz leads in a circle"),
    ("engines: {blitz_bot: {}, bot_blitz: blitz_bot}", "engines.bot_blitz mean the same"),
    ("engines: {lc0-net: {knd: uci}, bullet: lc0-net}", "did you mean engines.lc0-net.kind?"),
    ("engines: {0.5+0: {kind: uic}}", "engines.0.5+0.kind is 'uic'; it must be bundled, uci"),
    ("engines: {blitz: 3}", "engines.blitz must be a mapping of keys to values"),
    ("engines: {blitz: {options: {A: 1, a: 2}}}", "engines.blitz.options is a mapping; it must n"),
    (f"positions: {ODDS}", "it must be a list"),
    ("positions: [{name: x}]", "positions[0].fen is missing"),
    (f"positions: [{{fen: {ODDS}}}, {{fen: 8/8 w}}]", "positions[1].fen is '8/8 w'; it must be "),
    ("positions: [{fen: 4k3/8/8/8/8/8/8/8}]", "can be played: White has no king"),
    (f"positions: [{{fen: {ODDS}, bot_colour: x}}]", "positions[0].bot_colour is not a known key"),
    (f"positions: [{{fen: {ODDS}, bot_color: both}}]", "bot_color is 'both'; it must be white or"),
    (f"positions: [{{fen: {ODDS}, engine: lc0}}]", "positions[0].engine is lc0, not an engine"),
    (f"positions: [{{fen: {ODDS}, limits: {{nodes: 0}}}}]", "positions[0].limits.nodes is 0; it m"),
    (f"positions: [{{fen: {ODDS}, options: {{A: [1]}}}}]", "positions[0].options is a mapping; i"),
    (
        f"engine: {{kind: xboard, path: a}}\npositions: [{{fen: {ODDS}, limits: {{nodes: 9}}}}]",
        "positions[0].limits.nodes is set, which XBoard engines do not know",
    ),
    (
        f"positions: [{{fen: {ODDS} w KQ e3}}, {{fen: {ODDS}}}, {{fen: {ODDS} w Q -, name: x}}]",
        "positions[0] and positions[2] mean the same",
    ),
]


def test_positions_may_also_come_from_the_environment_or_be_empty() -> None:
    environment = {"CRABSTICK__POSITIONS": f'[{{"fen": "{ODDS}", "options": {{"A": 1}}}}]'}
    (position,) = settings_from("positions:", environment, source="x").positions
    assert (position.fen, position.options) == (ODDS, {"A": 1})
    assert settings_from("positions:", {}, source="x") == Settings()
    assert "did you mean CRABSTICK__POSITIONS?" in problem_with(
        environment={"CRABSTICK_POSITIONS": "[]"}
    )


@pytest.mark.parametrize(
    ("text", "part"), WRONG_VALUES, ids=[text[:60] for text, _ in WRONG_VALUES]
)
def test_a_wrong_value_is_named_with_what_would_be_right(text: str, part: str) -> None:
    problem = problem_with(text)
    assert problem.startswith("crabstick.yaml: ")
    assert part in problem


URLS = "lichess.org http://[x http://x:70000 http://x/y http://me:pw@x http://a\u200b"


@pytest.mark.parametrize("url", URLS.split(" "))
def test_what_is_not_the_address_of_a_server_is_refused(url: str) -> None:
    assert "a host, perhaps a port, and nothing else" in problem_with(f'lichess: {{url: "{url}"}}')


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("http:\n  port: [1", "crabstick.yaml, line 2, column 11: expected ',' or ']'"),
        ("http: {port: 1}\nhttp: {}", "crabstick.yaml, line 2, column 1: http is repeated; it is"),
        ("a: 1\n--- \nb: 2", "crabstick.yaml holds 2 YAML documents; keep one of them"),
        ("- a", "crabstick.yaml must be a mapping of sections such as lichess: and engine:"),
        ("http: &x {port: *x}", "crabstick.yaml, line 1, column 17: aliases (*name) within their"),
    ],
)
def test_a_file_that_is_not_a_configuration_is_refused(text: str, problem: str) -> None:
    assert problem_with(text).startswith(problem)


# Secrets


@pytest.mark.parametrize(
    ("text", "variable"),
    [
        (f"token: {SECRET}", "LICHESS_BOT_TOKEN"),
        (f"lichess: {{Token: {SECRET}}}", "LICHESS_BOT_TOKEN"),
        (f"http: {{admin_token: {SECRET}}}", "CRABSTICK_ADMIN_TOKEN"),
    ],
)
def test_a_token_in_the_file_is_answered_with_its_place(text: str, variable: str) -> None:
    problem = problem_with(text)
    assert "a token does not belong in the configuration" in problem
    assert f"the environment variable {variable}, or into a file of its own" in problem


@pytest.mark.parametrize("name", ["CRABSTICK__LICHESS__TOKEN", "CRABSTICK__TOKEN"])
def test_a_token_in_a_setting_variable_is_answered_with_its_place(name: str) -> None:
    problem = problem_with(environment={name: SECRET})
    assert problem.startswith(f"{name}: a token does not belong in the configuration")


def test_a_token_in_the_place_of_its_file_is_not_repeated() -> None:
    problem = problem_with("lichess: {token_file: lip_abcDEF123}")
    assert "lichess.token_file is (not shown)" in problem
    assert "not the token itself" in problem


@pytest.mark.parametrize(
    "text",
    [
        f"lichess: {SECRET}",
        f"lichess: {{url: {SECRET}}}",
        f"lichess: {{url: 'https://me:{SECRET}@lichess.org'}}",
        f"lichess: {{tokn: {SECRET}}}",
        f"lichess: {{account: [{{token: {SECRET}}}]}}",
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

KEYS = st.sampled_from(["http", "port", "engine", "options", "kind", "challenges", "modes", "x"])
yaml_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.text() | yaml_like.map(repr))
def test_any_file_is_either_settings_or_one_sentence(text: str) -> None:
    try:
        settings = settings_from(text, {}, source="crabstick.yaml")
    except ConfigError as error:
        assert str(error).startswith("crabstick.yaml")  # noqa: PT017 - either is fine
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert Settings.from_message(settings.to_message()) == settings
