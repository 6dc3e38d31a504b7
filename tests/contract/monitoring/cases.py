"""What may happen to a bot, and which alert fires then: a table, in the groups of the rule file."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.contract.monitoring.promtool import CLUSTER, Series


@dataclass(frozen=True, kw_only=True)
class Case:
    """What happens instead, and whether the alert fires at that moment."""

    alert: str
    why: str
    series: Series
    at: str
    fires: bool = True
    labels: Mapping[str, str] = field(default_factory=lambda: CLUSTER)


def fires(alert: str, why: str, series: Series, at: str, **labels: str) -> Case:
    return Case(alert=alert, why=why, series=_ours(series), at=at, labels={**CLUSTER, **labels})


def silent(alert: str, why: str, series: Series, at: str) -> Case:
    return Case(alert=alert, why=why, series=_ours(series), at=at, fires=False)


def _ours(series: Series) -> Series:
    """The names below are without what they all begin with."""
    return {name if name == "up" else f"crabstick_{name}": of for name, of in series.items()}


WAITS = 'game_wait_seconds{state="%s"}'
LOST = 'actors_lost_total{state="%s"}'
LIMITED = 'rate_limited_total{endpoint="%s"}'
LIMIT = 'rate_limit_wait_seconds{endpoint="%s"}'
ON_DRAINING = "games_on_draining_nodes"
HANDOVERS = "handovers_total"
DRAIN_AGE = 'drain_age_seconds{state="%s"}'
START = "start_time_seconds"
BUCKET = 'move_overhead_seconds_bucket{le="%s"}'
SLOW_MOVES = {BUCKET % "0.2": "0+9x480", BUCKET % "0.01": "0+9x480", BUCKET % "0.5": "0+10x480"}

GAMES = [
    fires("CrabstickDown", "the WorkerSet is away", {"up": "1 1 0x100"}, "3m30s"),
    silent("CrabstickDown", "it is being replaced", {"up": "1 1 0x100"}, "2m30s"),
    silent("CrabstickDown", "it has just been made", {"up": "_x4 0x3 1x100"}, "2m15s"),
    fires("CrabstickMissing", "it is scraped no more", {"up": "1x4 stale"}, "4m30s"),
    silent("CrabstickMissing", "the next one comes", {"up": "1x4 stale _x8 1x400"}, "3m15s"),
    silent("CrabstickMissing", "what is scraped is down: another alert", {"up": "0x480"}, "20m"),
    fires("CrabstickGameWithoutActor", "no actor comes", {WAITS % "begun": "0x4 0+15x100"}, "2m"),
    silent("CrabstickGameWithoutActor", "taken over", {WAITS % "begun": "0 12 0 12 0x100"}, "1m"),
    silent("CrabstickGameWithoutActor", "it is new", {WAITS % "new": "0+15x480"}, "2m"),
    fires("CrabstickNewGameWaits", "no node comes", {WAITS % "new": "0+15x480"}, "2m"),
    silent("CrabstickNewGameWaits", "a node came", {WAITS % "new": "0 15 30 45 0x100"}, "1m"),
    fires("CrabstickGameForfeited", "once", {"games_forfeited_total": "0x8 1x100"}, "5m"),
    silent("CrabstickGameForfeited", "an hour ago", {"games_forfeited_total": "0x8 1x400"}, "60m"),
    fires("CrabstickLosesOnTime", "once", {"games_lost_on_time_total": "0x8 1x480"}, "30m"),
    silent("CrabstickLosesOnTime", "long ago", {"games_lost_on_time_total": "0x8 1x480"}, "75m"),
    fires("CrabstickMovesSlow", "every tenth takes half a second", SLOW_MOVES, "30m"),
    silent("CrabstickMovesSlow", "for a moment only", SLOW_MOVES, "9m"),
    fires("CrabstickTakeovers", "nodes die", {"takeovers_total": "0+1x480"}, "10m"),
    silent("CrabstickTakeovers", "a node died", {"takeovers_total": "0x8 4x100"}, "10m"),
]

LICHESS = [
    fires(
        "CrabstickEventStreamSilent",
        "no byte comes",
        {"event_stream_age_seconds": "0+15x480"},
        "2m",
    ),
    silent(
        "CrabstickEventStreamSilent",
        "it was reopened",
        {"event_stream_age_seconds": "0 15 30 45 0x100"},
        "1m",
    ),
    fires(
        "CrabstickEventStreamContested",
        "two bots have one token",
        {'stream_reconnects_total{stream="event"}': "0 1 2 3 4 5 6 7 8 9 9x400"},
        "10m",
    ),
    silent(
        "CrabstickEventStreamContested",
        "Lichess was restarted",
        {'stream_reconnects_total{stream="event"}': "0x8 3x400"},
        "10m",
    ),
    fires(
        "CrabstickRateLimitStorm",
        "every move is limited",
        {LIMITED % "move": "0+1x480"},
        "10m",
        endpoint="move",
    ),
    silent("CrabstickRateLimitStorm", "now and then", {LIMITED % "move": "0x8 5x400"}, "10m"),
    fires(
        "CrabstickRateLimitedForLong",
        "a quarter of an hour",
        {LIMIT % "move": "0x4 900-15x60"},
        "2m",
        endpoint="move",
    ),
    silent(
        "CrabstickRateLimitedForLong",
        "the day's games against bots are spent",
        {LIMIT % "bot_game": "80000-15x480"},
        "10m",
    ),
    silent("CrabstickRateLimitedForLong", "a minute", {LIMIT % "move": "0x4 60-15x4"}, "1m15s"),
    fires(
        "CrabstickChallengesFail",
        "no answer gets through",
        {'challenges_total{outcome="failed"}': "0x8 5x400"},
        "10m",
    ),
    silent(
        "CrabstickChallengesFail",
        "one was cancelled meanwhile",
        {'challenges_total{outcome="failed"}': "0x8 1x400"},
        "10m",
    ),
]

ENGINES = [
    fires(
        "CrabstickEngineCrashLoop",
        "every game restarts its engine",
        {"engine_restarts_total": "0+0.5x480"},
        "10m",
    ),
    silent(
        "CrabstickEngineCrashLoop",
        "one engine had bad luck twice",
        {"engine_restarts_total": "0x8 2x400"},
        "10m",
    ),
    fires("CrabstickEngineGivenUp", "once", {"engine_fallbacks_total": "0x8 1x400"}, "10m"),
    silent("CrabstickEngineGivenUp", "an hour ago", {"engine_fallbacks_total": "0x8 1x400"}, "60m"),
    fires(
        "CrabstickActorsFail",
        "none can play, and some die before that",
        {LOST % "useless": "0x8 4x400", LOST % "starting": "0x12 3x400"},
        "8m",
    ),
    silent("CrabstickActorsFail", "a busy node died", {LOST % "busy": "0x8 8x400"}, "8m"),
    fires("CrabstickProblem", "it stays", {"problem": "0x4 1x400"}, "8m"),
    silent("CrabstickProblem", "it may go away", {"problem": "0x4 1x400"}, "5m"),
]

CLUSTERS = [
    fires("CrabstickNoRoom", "no node comes", {"actor_start_seconds": "0+15x480"}, "10m"),
    silent(
        "CrabstickNoRoom",
        "nodes come, and others are wanted",
        {"actor_start_seconds": " ".join(["0+15x8"] * 40)},
        "10m",
    ),
    fires(
        "CrabstickDrainStuck",
        "no game moves",
        {ON_DRAINING: "0x4 3x400", DRAIN_AGE % "busy": "0x4 0+15x400"},
        "2m30s",
    ),
    silent(
        "CrabstickDrainStuck",
        "it has just begun",
        {ON_DRAINING: "0x4 3x400", DRAIN_AGE % "busy": "0x4 0+15x400"},
        "2m",
    ),
    fires(
        "CrabstickDrainStuck",
        "one game stays where others leave",
        {
            ON_DRAINING: "0x4 9 8 7 6 5 4 3 2 1x400",
            DRAIN_AGE % "busy": "0x4 0+15x400",
            HANDOVERS: "0x4 0+1x400",
        },
        "2m30s",
    ),
    silent(
        "CrabstickDrainStuck",
        "all games leave, node after node, and an empty one stays",
        {
            ON_DRAINING: "0x4 2 1 1 " + "2 2 1 " * 40,
            DRAIN_AGE % "busy": "0x4 0 15 30 " + "0 15 30 " * 40,
            DRAIN_AGE % "empty": "0x8 45+15x400",
        },
        "8m",
    ),
    silent(
        "CrabstickDrainStuck",
        "a spot Pod is gone before",
        {ON_DRAINING: "0x4 2 0x400", DRAIN_AGE % "busy": "0x4 10 0x400"},
        "3m",
    ),
    fires(
        "CrabstickNodeWillNotLeave", "it stays for long", {DRAIN_AGE % "empty": "0+15x480"}, "20m"
    ),
    fires(
        "CrabstickNodeWillNotLeave",
        "it stays, and games leave another one",
        {DRAIN_AGE % "empty": "0+15x480", DRAIN_AGE % "busy": "15x480", ON_DRAINING: "1x480"},
        "20m",
    ),
    silent(
        "CrabstickNodeWillNotLeave",
        "it has games, and time",
        {DRAIN_AGE % "busy": "0+15x480", ON_DRAINING: "1x480", HANDOVERS: "0+1x480"},
        "20m",
    ),
    silent("CrabstickNodeWillNotLeave", "it leaves", {DRAIN_AGE % "empty": "0+15x8 0x400"}, "20m"),
    fires("CrabstickManagerRestarts", "three times", {START: "1x20 2x20 3x20 4x400"}, "20m"),
    silent("CrabstickManagerRestarts", "an upgrade", {START: "1x20 2x400"}, "20m"),
]

CASES = [*GAMES, *LICHESS, *ENGINES, *CLUSTERS]
"""All of them, in the order of the rule file."""
