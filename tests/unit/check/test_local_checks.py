"""`check` on one machine: a sentence for each thing that keeps a bot from playing."""

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from chess.engine import Option

from actors.local_ray.ports import PortTaken
from crabstick.check import local_checks
from crabstick.check.local_checks import identify, try_engines
from crabstick.commands.check import check, engine_for
from crabstick.commands.positions import print_positions
from crabstick.errors import (
    ConfigError,
    CrabstickError,
    EnvironmentProblem,
    LichessError,
    Unauthorized,
    Unavailable,
)
from crabstick.lichess import account_client as client
from crabstick.rules.lichess_types import Account
from crabstick.settings import ADMIN_VARIABLE, TOKEN_VARIABLE, Settings
from engine.errors import EngineNotFound
from engine.interface import EngineSpec
from engine.uci_engine import TriedEngine
from tests.fakes.lichess import FakeLichess

SCOPES = frozenset({"bot:play"})
HUMAN = Account(name="alice", title=None)


def lichess(
    monkeypatch: pytest.MonkeyPatch,
    account: Account | None = None,
    scopes: frozenset[str] = SCOPES,
    faults: Iterable[LichessError] = (),
) -> None:
    """Lichess, as it will answer."""
    fake = FakeLichess(account, scopes)
    fake.faults += faults
    monkeypatch.setattr(client, "open_lichess", lambda *_: fake)


@pytest.fixture(autouse=True)
def _a_machine_in_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever listens and is set on the machine that runs the tests."""
    monkeypatch.setenv(TOKEN_VARIABLE, "lip_token")
    monkeypatch.delenv(ADMIN_VARIABLE, raising=False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")  # noqa: S108 -- only its length matters
    monkeypatch.setattr(local_checks, "require_free", lambda *_: None)
    monkeypatch.setattr(local_checks, "play_one_move", play)
    lichess(monkeypatch)


PONDER = {"Ponder": Option("Ponder", "check", None, None, None, None)}


async def play(spec: EngineSpec) -> TriedEngine:
    if "/opt/engine" in spec.command:
        raise EngineNotFound("there is no '/opt/engine': engine.path is the path of a program")
    return TriedEngine("Pinch 1", {})  # without UCI_Variant and UCI_Chess960


async def refuse(_spec: object) -> str:
    raise EngineNotFound("there is no /opt/engine")


def said(
    problem: type[CrabstickError] | None = None, *, variants: Iterable[str] = ("standard",)
) -> list[str]:
    """The lines of the report, and at the end the problem, if there is one."""
    lines: list[str] = []
    settings = Settings.model_validate({"challenges": {"variants": [*variants]}})
    if problem is None:
        check(settings, lines.append)
    else:
        with pytest.raises(problem) as caught:
            check(settings, lines.append)
        lines.append(str(caught.value))
    return lines


def test_everything_that_is_in_order_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert said() == [
        "engine: Pinch 1 plays",
        f"folders: {tmp_path} and /tmp can be written",
        "HTTP: port 8000 on 127.0.0.1 is free",
        "POST /shutdown: closed, no admin token is set",
        "Lichess: https://lichess.org knows crabby as a bot with bot:play",
    ]
    monkeypatch.setenv(ADMIN_VARIABLE, "secret")
    assert "POST /shutdown: needs the admin token" in said()


@pytest.mark.parametrize(
    ("offered", "max_games", "address", "words"),
    [
        ({}, 1, "", "plays, but does not ponder: it lacks the option Ponder"),
        (PONDER, 1, "", "plays, and ponders"),
        (PONDER, 3, "", "plays, but does not ponder: games outnumber cores (challenges.max_games"),
        (PONDER, 3, "head:6379", "plays, and ponders"),
    ],
)
def test_what_comes_of_pondering_is_said(
    monkeypatch: pytest.MonkeyPatch,
    offered: dict[str, Option],
    max_games: int,
    address: str,
    words: str,
) -> None:
    async def play_so(_spec: object) -> TriedEngine:
        return TriedEngine("Pinch 1", offered)

    monkeypatch.setattr(local_checks, "play_one_move", play_so)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setenv("RAY_ADDRESS", address)
    sections = {"engine": {"ponder": True}, "challenges": {"max_games": max_games}}
    (finding,) = local_checks.engine(Settings.model_validate(sections))
    assert words in finding.words


def test_a_bot_with_the_scope_is_identified() -> None:
    assert identify(Settings()) == Account(name="crabby", title="BOT")


@pytest.mark.parametrize(
    ("fault", "problem", "words"),
    [
        (Unauthorized("no such token"), ConfigError, "does not know the Lichess token"),
        (Unavailable("https://x cannot be reached"), EnvironmentProblem, "https://x cannot be re"),
    ],
)
def test_what_lichess_answers_instead_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, fault: LichessError, problem: type[CrabstickError], words: str
) -> None:
    lichess(monkeypatch, faults=[fault])
    *lines, last = said(problem)
    assert words in last
    assert "engine: Pinch 1 plays" in lines


@pytest.mark.parametrize(
    ("account", "scopes", "problem", "words"),
    [
        (None, frozenset({"challenge:read"}), ConfigError, ["lacks the scope bot:play"]),
        (HUMAN, SCOPES, EnvironmentProblem, ["upgrade-account"]),
        (HUMAN, frozenset(), ConfigError, ["lacks the scope bot:play", "upgrade-account"]),
    ],
)
def test_an_account_that_may_not_play_is_named_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
    account: Account | None,
    scopes: frozenset[str],
    problem: type[CrabstickError],
    words: list[str],
) -> None:
    lichess(monkeypatch, account, scopes)
    last = said(problem)[-1]
    assert all(each in last for each in words)
    assert "\n" not in last


def test_each_problem_is_marked_and_the_first_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    lichess(monkeypatch, scopes=frozenset())
    monkeypatch.setattr(local_checks, "play_one_move", refuse)
    monkeypatch.setenv(ADMIN_VARIABLE, "two words")
    lines = said(ConfigError)
    assert lines.pop() == "there is no /opt/engine (and 2 more problems, marked above)"
    marked = [line.partition(": ")[0] for line in lines if ": PROBLEM: " in line]
    assert marked == ["engine", "POST /shutdown", "Lichess"]
    assert "does not hold a token" in lines[3]


def test_books_and_tables_are_usable_or_named(tmp_path: Path) -> None:
    files = {"standard": [str(tmp_path / "book.bin")]}
    settings = Settings.model_validate({"books": {"files": files}})
    lines: list[str] = []
    with pytest.raises(ConfigError):
        check(settings, lines.append)
    name = f"books.files.standard {tmp_path}/book.bin: No such file or directory"
    assert f"books and tablebases: PROBLEM: {name}" in lines
    (tmp_path / "book.bin").write_bytes(bytes(16))
    check(settings, lines.append)
    assert "books and tablebases: are usable" in lines


def test_variants_that_the_engine_lacks_are_named() -> None:
    lacking = "engine: Pinch 1 does not play atomic, chess960, horde: such challenges are declined"
    assert lacking in said(variants=("horde", "atomic", "chess960", "fromPosition"))
    lines = said(ConfigError, variants=("horde",))
    assert "challenges.variants is horde, and the engine for that does not play it" in lines[-1]


def test_each_engine_is_tried_and_named_by_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play_all(spec: EngineSpec) -> TriedEngine:
        variants = Option("UCI_Variant", "combo", None, None, None, ["chess", "atomic"])
        everything = TriedEngine("Fairy", {"UCI_Variant": variants})
        return everything if spec.command[-1] == "engine.fairy" else await play(spec)

    monkeypatch.setattr(local_checks, "play_one_move", play_all)
    gone = {"kind": "uci", "path": "/opt/engine"}
    engines = {"blitz": gone, "human": {"kind": "uci", "path": "pinch"}, "bot": gone}
    found = local_checks.engine(
        Settings.model_validate(
            {"engines": engines, "challenges": {"variants": ["standard", "atomic"]}}
        )
    )
    assert [(one.words, one.problem) for one in found] == [
        ("Fairy plays", None),
        (
            "there is no '/opt/engine': engines.blitz.path is the path of a program",
            ConfigError,
        ),
        ("Pinch 1 plays as engines.human", None),
        (
            "Pinch 1 does not play atomic as engines.human: such challenges are declined",
            None,
        ),
        (
            "there is no '/opt/engine': engines.bot.path is the path of a program",
            ConfigError,
        ),
    ]


@pytest.mark.parametrize(
    ("challenge", "words"),
    [
        ("blitz", "engines.blitz plays it: pinch"),
        (
            "blitz atomic",
            "engines.blitz is for it: pinch, which does not play atomic: it is declined",
        ),
        (
            "blitz horde",
            "engines.blitz is for it: pinch, which does not play horde: it is declined",
        ),
        ("fromPosition", "engine plays it: the bundled engine; but challenges.variants does not"),
    ],
)
def test_one_may_ask_which_engine_plays_a_challenge(challenge: str, words: str) -> None:
    settings = Settings.model_validate(
        {
            "engines": {
                "blitz": {"kind": "uci", "path": "pinch"},
                "bot": {"kind": "uci", "path": "/opt/engine"},
            },
            "challenges": {"variants": ["standard", "atomic"]},
        }
    )
    assert engine_for(settings, challenge).startswith(words)
    with pytest.raises(ConfigError, match=r"there is no .*engines\.bot\.path"):
        engine_for(settings, "bot")


ODDS = "rnb1kbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR"


def with_positions(*positions: object, **challenges: object) -> Settings:
    sections = {
        "engines": {"leela": {"kind": "uci", "path": "lc0"}, "rapid": "leela"},
        "positions": positions,
        "challenges": challenges,
    }
    return Settings.model_validate(sections)


def test_the_engine_of_each_position_is_told() -> None:
    odds = {"name": "queen odds", "fen": ODDS, "bot_color": "black", "engine": "rapid"}
    settings = with_positions(odds, {"fen": f"{ODDS} w"}, variants=["fromPosition"])
    told = ["queen odds: engines.leela plays black", f"{ODDS} w: engine plays it"]
    assert [found.words for found in local_checks.positions(settings)] == told
    (*_, last) = local_checks.positions(with_positions(odds))
    assert last.words == "challenges.variants does not accept fromPosition"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"Hsh": 1}, r"positions\[1\].options: the engine 'lc0' has no option 'Hsh': did you mean"),
        ({"hash": 0}, r"positions\[1\].options: option 'Hash' .* from 1 to 9, not 0"),
        ({"hash": 9}, ""),
    ],
)
def test_options_of_a_position_are_tried_with_its_engine(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, int], words: str
) -> None:
    async def play(spec: EngineSpec) -> TriedEngine:
        hash_ = Option("Hash", "spin", 1, 1, 9, None)
        return TriedEngine("x", {"Hash": hash_} if spec.command == ("lc0",) else {})

    monkeypatch.setattr(local_checks, "play_one_move", play)
    settings = with_positions({"fen": ODDS, "engine": "leela"}, {"fen": f"{ODDS} w"})
    assert [*try_engines(settings, settings.demands())] == ["default", "leela"]
    settings = with_positions(
        {"fen": ODDS}, {"fen": f"{ODDS} w", "engine": "rapid", "options": options}
    )
    wrong = [one.words for one in local_checks.engine(settings) if one.problem]
    assert [bool(re.search(words, one)) for one in wrong] == [True] * bool(words)


def test_each_position_is_printed_with_a_link_to_a_challenge() -> None:
    lines: list[str] = []
    print_positions(
        with_positions({"name": "odds", "fen": ODDS, "bot_color": "black"}), lines.append
    )
    assert lines == [
        "odds: engine plays black",
        f"  https://lichess.org/?user=crabby&fen={ODDS}%20w%20KQkq%20-%200%201#friend",
    ]


def test_folders_that_a_ray_could_not_use_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".ray").write_text("a file")
    assert f"{tmp_path}/.ray cannot be written (File exists)" in said(EnvironmentProblem)[-1]
    monkeypatch.setattr(tempfile, "tempdir", f"/{'x' * 100}")
    assert "set TMPDIR to a shorter one" in said(EnvironmentProblem)[-1]


def test_on_a_named_cluster_the_port_is_not_this_machine_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert "not checked: the endpoints run on the head of the cluster that RAY_A" in said()[2]


def test_without_endpoints_their_port_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(*_: object) -> None:
        raise PortTaken("port 8000 is in use")

    monkeypatch.setattr(local_checks, "require_free", taken)
    settings = Settings.model_validate({"http": {"enabled": False}})
    assert [one.words for one in local_checks.http(settings)] == ["switched off (http.enabled)"]
