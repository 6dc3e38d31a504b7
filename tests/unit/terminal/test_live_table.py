"""How a running bot looks on a terminal."""

from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from actors.messages import Statistics
from crabstick.rules.lichess_types import ENDPOINTS
from crabstick.terminal.live_table import LIMITED, render_table


def shown(picture: dict[str, Any], width: int = 200) -> list[str]:
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(render_table(Statistics.read({"fingerprint": "f", **picture})))
    file = console.file
    assert isinstance(file, StringIO)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def a_game(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "id": "abcdefgh",
        "opponent": "BOT Alice",
        "color": "white",
        "clock": "5+3",
        "speed": "blitz",
        "ply": 7,
        "last_move": "g1f3",
        "white_ms": 299_960,
        "black_ms": 4_000,
        "score": "+0.35",
        "depth": 12,
        "takeovers": 0,
        "actor": "engine:01ab",
        "node": "0123456789",
    }
    return {**fields, **changes}


def a_picture(*games: dict[str, Any], **changes: Any) -> dict[str, Any]:
    phases = ("standby", "standby", "playing", "starting")
    actors = [{"name": "engine:1", "phase": phase, "node": ""} for phase in phases]
    return {"bot": "crabby", "problem": "", "games": list(games), "actors": actors, **changes}


def row(**changes: Any) -> list[str]:
    return shown(a_picture(a_game(**changes)))[2].split()


def test_the_headline_counts_games_and_actors() -> None:
    assert shown(a_picture(a_game()))[0] == "crabby: 1 game, 2 on standby, 1 starting"


def test_games_that_wait_are_named_in_the_headline() -> None:
    headline = shown(a_picture(a_game(actor=None, node=None)))[0]
    assert headline.startswith("crabby: 1 game (1 waiting for an actor),")


def test_a_problem_stands_below_the_headline() -> None:
    assert shown(a_picture(problem="there is no Lichess token"))[1] == "there is no Lichess token"


def test_what_lichess_makes_us_wait_for_is_told_with_the_time_of_day() -> None:
    moment = datetime(2026, 2, 1, 12, 3, 10).astimezone()
    limits = {"move": round(moment.timestamp() * 1000), "new": 1000 * round(moment.timestamp())}
    line = "Lichess limits: moves until 12:03:10, new until 12:03:10"
    assert shown(a_picture(limits=limits))[1] == line


def test_every_class_that_may_wait_has_a_name_for_people() -> None:
    assert LIMITED.keys() == set(ENDPOINTS)


def test_a_bot_without_games_says_so() -> None:
    assert shown(a_picture())[-1] == "no games; waiting for challenges"


def test_a_game_is_one_row() -> None:
    assert row() == [
        *("abcdefgh", "BOT", "Alice", "5+3", "5:00.0", "0:04.0", "4.", "g1f3"),
        *("+0.35", "12", "012345", "01ab"),
    ]


def test_our_clock_comes_first_whichever_side_we_play() -> None:
    assert row(color="black")[4:6] == ["0:04.0", "5:00.0"]


def test_the_opponents_moves_have_dots() -> None:
    assert row(ply=8)[6] == "4…"


@pytest.mark.parametrize(
    ("changes", "column", "text"),
    [
        ({"ply": 0, "last_move": ""}, 6, "-"),
        ({"white_ms": None}, 4, "-"),
        ({"clock": ""}, 3, "blitz"),
        ({"actor": None, "node": None}, -1, "waiting"),
    ],
)
def test_what_is_not_known_yet_is_left_open(
    changes: dict[str, Any], column: int, text: str
) -> None:
    assert row(**changes)[column] == text


def test_takeovers_are_told() -> None:
    assert row(takeovers=2)[-3:] == ["01ab", "(takeover", "2)"]


def test_a_name_that_looks_like_markup_is_shown_as_it_is() -> None:
    assert "[red]x[/red]" in row(opponent="[red]x[/red]")


def test_a_game_of_which_nothing_was_heard_yet_is_shown() -> None:
    bare = {
        "id": "abcdefgh",
        "opponent": "Alice",
        "speed": "blitz",
        "takeovers": 0,
        "actor": None,
        "node": None,
    }
    assert shown(a_picture(bare))[2].split() == [
        *("abcdefgh", "Alice", "blitz", "-", "-", "-", "-", "waiting")
    ]


EIGHTY = 80


def a_busy_picture() -> dict[str, Any]:
    """Rows as wide as they usually are."""
    games = (
        a_game(opponent="BOT sparring12", white_ms=10_800_000, ply=140, actor="engine:1234abcd"),
        a_game(opponent="Magnus", actor="engine:5678abcd", takeovers=1),
    )
    return a_picture(*games)


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (200, "game opponent clock ours theirs move eval depth node actor"),
        (100, "game opponent clock ours theirs move eval node actor"),
        (95, "game opponent ours theirs move eval node actor"),
        (EIGHTY, "opponent ours theirs move eval node actor"),
        (EIGHTY - 10, "opponent ours theirs move actor"),
        (50, "opponent ours theirs move"),
    ],
)
def test_a_narrow_terminal_has_fewer_columns(width: int, columns: str) -> None:
    assert shown(a_busy_picture(), width)[1].split() == columns.split()


def test_nothing_is_cut_at_eighty_columns() -> None:
    lines = shown(a_busy_picture(), EIGHTY)
    assert [line for line in lines if "…" in line.replace("70… ", "")] == []
    assert lines[3].endswith("5678abcd (takeover 1)")


def test_a_table_is_as_wide_as_its_cells_and_no_wider() -> None:
    picture = a_busy_picture()
    width = max(len(line) for line in shown(picture))
    assert shown(picture, width) == shown(picture)
    assert "depth" not in shown(picture, width - 1)[1]
