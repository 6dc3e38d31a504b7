"""What settings are worth: their views, their message, their fingerprint."""

import json
from dataclasses import replace
from datetime import timedelta

import chess
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.errors import ConfigError
from crabstick.rules.adjudication import Adjudication, ScoreRule
from crabstick.rules.engine_choice import Traits
from crabstick.rules.time_management import EngineLimits
from crabstick.settings import Settings
from crabstick.settings.model import LimitSettings
from engine.interface import EngineSpec, bundled_spec


def settings(**sections: object) -> Settings:
    return Settings.model_validate(sections)


def test_one_kind_of_opponent_may_differ_in_everything() -> None:
    sections = {"challenges": {"modes": ["rated"], "bot": {"modes": [], "min_rating": 2000}}}
    challenges = settings(**sections).challenges
    bots, humans = challenges.policy(is_bot=True), challenges.policy(is_bot=False)
    assert (bots.modes, bots.min_rating) == (frozenset(), 2000)
    assert (humans.modes, humans.min_rating) == (frozenset({"rated"}), 0)
    assert bots.variants == humans.variants
    assert not settings(challenges={"accept_bots": False}).challenges.policy(is_bot=True).modes


def test_the_engine_is_the_bundled_one_or_that_of_the_path() -> None:
    mine = bundled_spec({"Hash": 1})
    assert settings(engine={"options": {"Hash": 1}}).engine_spec() == replace(
        mine, memory_limit_mb=256
    )
    section = {"kind": "uci", "path": "/opt/sf", "options": {"Hash": 64, "Clear Hash": None}}
    assert settings(engine=section, cluster={"slot_memory_mb": 300}).engine_spec() == EngineSpec(
        command=("/opt/sf",), options={"Hash": 64, "Clear Hash": None}, memory_limit_mb=300
    )


def test_every_key_of_the_engine_reaches_its_spec() -> None:
    keys = {"working_dir": "/w", "env": {"A": "1"}, "start_timeout_s": 7, "memory_mb": 9}
    section = {"kind": "xboard", "path": "x", "args": ["-q"], "ignore_unknown_options": True}
    assert settings(engine={**section, **keys}).engine_spec() == EngineSpec(
        command=("x", "-q"),
        protocol="xboard",
        working_dir="/w",
        env={"A": "1"},
        ignore_unknown_options=True,
        start_timeout=timedelta(seconds=7),
        memory_limit_mb=9,
    )


@pytest.mark.parametrize(
    ("engine", "node_cpus", "cores", "may_ponder"),
    [
        ({}, 2, 2, False),
        ({"ponder": True}, 2, 2, True),
        ({"ponder": True}, 5, 2, False),  # a local cluster has a CPU for each game
        ({"ponder": True}, 5, 4, True),  # but no more games than challenges.max_games
        ({"ponder": True, "cpus": 0.5}, 2, 2, False),
        ({"ponder": True, "cpus": 2}, 9, 4, False),
        ({"ponder": True, "cpus": 2}, 9, 8, True),
    ],
)
def test_an_engine_ponders_where_its_game_has_a_core(
    engine: dict[str, object], node_cpus: float, cores: int, *, may_ponder: bool
) -> None:
    found = settings(engine=engine).may_ponder("default", node_cpus, cores)
    assert found == may_ponder


def test_limits_become_the_bounds_of_every_search() -> None:
    engine = settings(engine={"limits": {"nodes": 9, "depth": 3, "move_time_ms": 250}}).engine
    expected = EngineLimits(nodes=9, depth=3, move_time=timedelta(milliseconds=250))
    assert engine.limits.bounds() == expected


ODDS = "rnb1kbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR"


def odds(color: chess.Color | None = None, fen: str = f"{ODDS} w KQkq - 0 1") -> Traits:
    return Traits(variant="fromPosition", fen=fen, color=color)


def test_keys_that_name_another_one_share_its_engine() -> None:
    leela = {"kind": "uci", "path": "lc0", "standby": 2}
    engines = {"leela": leela, "bullet": "blitz", "blitz": "leela", "rapid": "default"}
    mine = settings(engines=engines)
    assert [*mine.demands()] == ["default", "leela"]
    speeds = ("bullet", "blitz", "rapid", "classical")
    found = [mine.engine_for(Traits(speed=speed)) for speed in speeds]
    assert found == ["leela", "leela", "default", "default"]
    assert (mine.engine_of("leela").standby, mine.standby_of("leela")) == (2, 2)
    assert mine.engine_of("of other settings") == mine.engine


def test_the_default_engine_may_be_another_key_s() -> None:
    mine = settings(engines={"leela": {"kind": "uci", "path": "lc0"}, "default": "leela"})
    assert [*mine.demands()] == ["default"]
    assert (mine.engine.kind, mine.engine_for(Traits())) == ("uci", "default")
    assert (
        settings(
            positions=[{"fen": ODDS, "engine": "leela"}],
            **mine.model_dump(include={"engine", "engines"}),
        ).engine_for(odds())
        == "default"
    )


def test_the_first_position_that_fits_decides_about_engine_options_and_limits() -> None:
    positions = [
        {"fen": ODDS, "bot_color": "black", "engine": "fish", "options": {"Hash": 8}},
        {"fen": ODDS, "limits": {"nodes": 9}},
        {"fen": f"{ODDS} w", "engine": "leela"},
    ]
    engines: dict[str, object] = {"leela": {}, "fish": "leela", "white": {}}
    mine = settings(engines=engines, positions=positions)
    black, white = mine.position_of(odds(chess.BLACK)), mine.position_of(odds(chess.WHITE))
    assert black is not None
    assert white is not None
    assert (black.options, black.limits) == ({"Hash": 8}, None)
    assert (white.options, white.limits) == ({}, LimitSettings(nodes=9))
    games = (odds(chess.BLACK), odds(chess.WHITE), odds(), replace(odds(), variant="standard"))
    assert [mine.engine_for(game) for game in games] == ["leela", "white", "default", "default"]


def test_only_the_engine_of_a_position_gets_its_options() -> None:
    engines: dict[str, object] = {"leela": {}, "fish": "leela"}
    mine = settings(
        engines=engines,
        positions=[{"fen": ODDS, "engine": "fish"}, {"fen": "4k3/8/8/8/8/8/8/4K2R"}],
    )
    assert mine.position_of(odds(), "leela") == mine.positions[0]
    assert mine.position_of(odds(), "default") is None
    anybody = odds(fen="4k3/8/8/8/8/8/8/4K2R w K - 0 1")
    assert mine.position_of(anybody, "default") == mine.positions[1]


def test_the_policy_knows_the_positions() -> None:
    mine = settings(positions=[{"fen": f"{ODDS}  w", "bot_color": "white"}])
    policy = mine.policies({"default": ["standard"]})["default", False]
    assert policy.positions == (odds(chess.WHITE, f"{ODDS} w"),)
    assert policy.variants == frozenset()


def test_durations_are_timedeltas() -> None:
    assert Settings().engine.move_overhead == timedelta(milliseconds=300)
    assert Settings().game.abort_after == timedelta(seconds=30)


def test_rules_exist_only_where_they_are_enabled() -> None:
    assert Settings().adjudication() is None
    rules = settings(resign={"enabled": True, "consecutive_moves": 3}).adjudication()
    assert rules == Adjudication(None, ScoreRule(score=-1000, consecutive_moves=3))
    rules = settings(offer_draw={"enabled": True, "against_humans": False}).adjudication()
    draw = ScoreRule(
        score=10, consecutive_moves=5, against_humans=False, min_game_length=30, max_pieces=32
    )
    assert rules == Adjudication(draw, None)


sections = st.fixed_dictionaries(
    {},
    optional={
        "lichess": st.fixed_dictionaries({"url": st.sampled_from(["http://h:9", "https://x.org"])}),
        "engine": st.fixed_dictionaries(
            {
                "kind": st.just("uci"),
                "path": st.sampled_from(["sf", "/opt/sf"]),
                "options": st.dictionaries(
                    st.text("abc XYZ", min_size=1),
                    st.one_of(st.none(), st.booleans(), st.integers(-9, 999), st.text("ab ")),
                ),
            }
        ),
        "challenges": st.fixed_dictionaries(
            {
                "modes": st.lists(st.sampled_from(["casual", "rated"]), min_size=1),
                "max_games": st.integers(1, 1000),
                "accept_bots": st.booleans(),
                "bot": st.fixed_dictionaries({"modes": st.just(["casual", "rated"])}),
                "time_controls": st.just(["3+2", "blitz"]),
            }
        ),
        "books": st.fixed_dictionaries(
            {"files": st.dictionaries(st.sampled_from(["standard", "atomic"]), st.just(["/b"]))}
        ),
        "syzygy": st.fixed_dictionaries({"paths": st.just(["/s", "/t"])}),
        "gaviota": st.fixed_dictionaries({"instant_play": st.booleans()}),
        "online": st.fixed_dictionaries(
            {
                "sources": st.lists(st.sampled_from(["chessdb", "lichess_cloud"])),
                "urls": st.dictionaries(st.just("chessdb"), st.just("https://x.org")),
            }
        ),
        "engines": st.just({"leela": {"gpus": 1}, "bullet": "leela"}),
        "positions": st.lists(
            st.fixed_dictionaries(
                {"fen": st.sampled_from(["4k3/8/8/8/8/8/8/4K2R w", "4k3/8/8/8/8/8/8/4K2R"])},
                optional={"name": st.text("ab"), "options": st.just({"A": None, "B": "x"})},
            ),
            unique_by=lambda it: str(it["fen"]),
        ),
        "resign": st.fixed_dictionaries({"enabled": st.booleans(), "min_rating": st.just(9)}),
        "cluster": st.fixed_dictionaries({"slot_cpus": st.floats(0.01, 1024)}),
    },
)


@given(sections)
def test_a_message_brings_the_same_settings_through_json(written: dict[str, object]) -> None:
    before = settings(**written)
    after = Settings.from_message(json.loads(json.dumps(before.to_message())))
    assert after == before
    assert after.fingerprint() == before.fingerprint()


@given(sections, sections)
def test_fingerprints_are_equal_exactly_for_equal_settings(
    one: dict[str, object], other: dict[str, object]
) -> None:
    left, right = settings(**one), settings(**other)
    assert (left.fingerprint() == right.fingerprint()) == (left.to_message() == right.to_message())


def test_a_message_does_not_depend_on_the_order_of_sets() -> None:
    sent = Settings().model_dump(mode="json")["challenges"]["time_controls"]
    assert sent == ["blitz", "bullet", "classical", "rapid"]


def test_a_message_of_another_version_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="has version 2; this crabstick reads version 1"):
        Settings.from_message({**Settings().to_message(), "v": 2})


def test_a_message_has_no_defaults_and_one_of_the_first_version_is_read() -> None:
    assert Settings().to_message() == {"v": 1, "settings": {}}
    old = {"engine": {"kind": "embedded", "options": {"Hash": 8}}}
    read = Settings.from_message({"v": 1, "settings": old}).engine
    assert (read.kind, dict(read.options)) == ("bundled", {"Hash": 8})


@pytest.mark.parametrize("broken", [None, [], "x", {"http": {"port": 0}}, {"new": {}}])
def test_a_broken_message_is_refused(broken: object) -> None:
    with pytest.raises(ConfigError, match="the settings message"):
        Settings.from_message({"v": 1, "settings": broken})


def test_engines_stand_by_if_an_accepted_challenge_can_lead_to_them_or_their_owner_says_so() -> (
    None
):
    engines = {"atomic": {}, "human": {}, "variants": {"standby": 2}, "blitz": {"standby": 0}}
    bot = settings(engines=engines, cluster={"standby": 3})
    standbys = {name: bot.standby_of(name) for name in bot.demands()}
    assert standbys == {"default": 3, "atomic": 0, "human": 3, "variants": 2, "blitz": 0}
