"""Imported settings answer a corpus of challenges as the other program would."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from crabstick.rules.challenges import Accept, Load, Running, decide, objection
from crabstick.rules.lichess_types import Challenge, LichessPlayer
from crabstick.rules.player_lists import PlayerLists
from crabstick.settings import Settings
from tests.builders import BOT, a_challenge, a_clock
from tests.unit.importing.imports import imported
from tests.unit.importing.models import Case, botli_accepts, lichess_bot_accepts

SEED, CONFIGURATIONS, CHALLENGES = 21, 20, 100
PLAYERS = [f"player{number}" for number in range(12)]
VARIANTS = ["standard", "chess960", "fromPosition", "atomic", "horde"]
SPEEDS = ["bullet", "blitz", "rapid", "classical"]
CLOCKS = [(0, 1), (15, 0), (30, 1), (60, 0), (60, 1), (180, 0), (180, 2), (300, 3), (600, 0)]
CLOCKS += [(900, 10), (1800, 0), (1800, 30), (10800, 180)]


def some(draw: random.Random, words: list[str], *, least: int = 1) -> list[str]:
    """Often all of them."""
    number = len(words) if draw.random() < 0.6 and least else draw.randint(least, len(words))
    return draw.sample(words, number)


def maybe(draw: random.Random, **keys: Callable[[], Any]) -> dict[str, Any]:
    """Each key in one of two files."""
    return {key: value() for key, value in keys.items() if draw.random() < 0.5}


def a_lichess_bot_file(draw: random.Random) -> dict[str, Any]:
    challenge = maybe(
        draw,
        games_reserved_for_humans=lambda: draw.randint(0, 1),
        only_bot=lambda: draw.random() < 0.2,
        min_base=lambda: draw.choice([0, 30, 60]),
        max_base=lambda: draw.choice([300, 1800, 10800, float("inf")]),
        min_increment=lambda: draw.choice([0, 1]),
        max_increment=lambda: draw.choice([3, 20, 180]),
        min_days=lambda: draw.choice([1, 2]),
        max_days=lambda: draw.choice([7, 14, float("inf")]),
        variants=lambda: some(draw, VARIANTS),
        time_controls=lambda: some(draw, [*SPEEDS, "correspondence"]),
        modes=lambda: some(draw, ["casual", "rated"]),
        bullet_requires_increment=lambda: draw.random() < 0.5,
        min_rating=lambda: draw.choice([0, 1000, 1500]),
        max_rating=lambda: draw.choice([2000, 4000]),
        rating_difference=lambda: draw.choice([200, 1000]),
        block_list=lambda: some(draw, PLAYERS[:3], least=0),
        max_simultaneous_games_per_user=lambda: draw.randint(1, 3),
    )
    if draw.random() < 0.3:
        challenge |= {"recent_bot_challenge_age": 3600, "max_recent_bot_challenges": 2}
    if draw.random() < 0.1:
        challenge["allow_list"] = PLAYERS[2:9]
    if draw.random() < 0.8:
        challenge |= {"concurrency": draw.randint(1, 5), "accept_bot": draw.random() < 0.9}
    return {"token": "x", "move_overhead": 1000, "challenge": challenge}


def a_botli_file(draw: random.Random) -> dict[str, Any]:
    def a_kind() -> dict[str, Any]:
        optional = maybe(
            draw,
            min_initial=lambda: draw.choice([0, 30, 60]),
            max_initial=lambda: draw.choice([300, 1800, 10800]),
            min_increment=lambda: draw.choice([0, 1]),
            max_increment=lambda: draw.choice([3, 20, 180]),
            max_estimated_game_duration=lambda: draw.choice([5, 20, 90]),
            bullet_with_increment_only=lambda: draw.random() < 0.5,
        )
        lists = {
            "variants": some(draw, VARIANTS),
            "time_controls": some(draw, [*SPEEDS, "0.5+1", "3+2", "10+0"]),
            "modes": some(draw, ["casual", "rated"]),
        }
        if draw.random() < 0.1:
            lists[draw.choice(list(lists))] = []
        return {**optional, **lists}

    return {
        "token": "x",
        "challenge": {"concurrency": draw.randint(1, 5), "human": a_kind(), "bot": a_kind()},
        "whitelist": PLAYERS[:1] if draw.random() < 0.3 else None,
        "blacklist": some(draw, PLAYERS[1:4], least=0),
    }


def a_case(draw: random.Random) -> Case:
    initial_s, increment_s = draw.choice(CLOCKS)
    has_clock = draw.random() < 0.9
    return Case(
        name=draw.choice(PLAYERS),
        is_bot=draw.random() < 0.5,
        rating=draw.choice([900, 1400, 1600, 2400]),
        our_rating=1650,
        variant="standard" if draw.random() < 0.7 else draw.choice(VARIANTS),
        rated=draw.random() < 0.5,
        initial_s=initial_s if has_clock else None,
        increment_s=increment_s,
        days=None if has_clock else draw.choice([1, 2, 7, 14, None]),
        opponents=draw.choices(PLAYERS[:4], k=draw.choice([0, 0, 0, 1, 2, 4])),
        recent=draw.choice([0, 1, 3]),
    )


def challenge_of(case: Case) -> Challenge:
    has_clock, by_days = case.initial_s is not None, case.days is not None
    return a_challenge(
        challenger=LichessPlayer(
            name=case.name, title="BOT" if case.is_bot else None, rating=case.rating
        ),
        dest_user=LichessPlayer(name=BOT, title="BOT", rating=case.our_rating),
        variant=case.variant,
        rated=case.rated,
        speed=case.speed,
        clock=a_clock(case.initial_s or 0, case.increment_s) if has_clock else None,
        time_control="clock" if has_clock else "correspondence" if by_days else "unlimited",
        days=case.days,
    )


def crabstick_accepts(settings: Settings, case: Case) -> bool:
    challenges = settings.challenges
    lists = PlayerLists(
        allowed=challenges.allow_list,
        blocked=challenges.block_list,
        only_from=challenges.only_from or None,
    )
    policy = challenges.policy(is_bot=case.is_bot)
    challenge = challenge_of(case)
    if objection(challenge, policy, lists.standing(case.name, 0)) is not None:
        return False
    games = [Running(opponent=name) for name in case.opponents]
    load = Load(games=games, has_room=True, recent=case.recent)
    return isinstance(decide(challenge, policy, challenges.limits(), load), Accept)


@pytest.mark.parametrize(
    ("a_file", "accepts"),
    [(a_lichess_bot_file, lichess_bot_accepts), (a_botli_file, botli_accepts)],
)
def test_the_imported_policy_answers_as_the_program_did(
    a_file: Callable[[random.Random], dict[str, Any]],
    accepts: Callable[[dict[str, Any], Case], bool],
    tmp_path: Path,
) -> None:
    draw = random.Random(SEED)
    number, accepted = 0, 0
    different: list[tuple[Case, dict[str, Any]]] = []
    for _ in range(CONFIGURATIONS):
        config = a_file(draw)
        settings = imported(yaml.safe_dump(config), tmp_path).settings
        for case in (a_case(draw) for _ in range(CHALLENGES)):
            number, theirs = number + 1, accepts(config, case)
            accepted += theirs
            if theirs != crabstick_accepts(settings, case):
                different.append((case, config))
    assert number >= 500
    assert number / 10 < accepted < number
    assert len(different) <= number / 100
    assert [each for each in different if not is_told_in_the_document(*each)] == []


def is_told_in_the_document(case: Case, config: dict[str, Any]) -> bool:
    """The allow list opens all clocks, and no variant; BotLi's whitelist does the opposite."""
    variants = config["challenge"]["bot" if case.is_bot else "human"]["variants"]
    is_welcome = case.name in (config.get("whitelist") or [])
    return is_welcome and (case.speed == "correspondence" or case.variant not in variants)
