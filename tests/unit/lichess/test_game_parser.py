from datetime import timedelta

import chess
import pytest
from berserk.models import GameState as BerserkGameState

from crabstick.lichess.game_parser import parse_line
from crabstick.rules.lichess_types import (
    ChatLine,
    Clock,
    GameFull,
    GameId,
    GameState,
    LichessPlayer,
    OpponentGone,
    Unexpected,
)
from tests.unit.lichess.raw import a_full, a_state

FIVE_MINUTES = timedelta(minutes=5)
THREE_SECONDS = timedelta(seconds=3)
THE_STATE = GameState(
    moves=("e2e4", "e7e5"),
    white_time=FIVE_MINUTES,
    black_time=timedelta(seconds=299, milliseconds=500),
    white_increment=THREE_SECONDS,
    black_increment=THREE_SECONDS,
    status="started",
)


def state(**fields: object) -> GameState:
    line = parse_line(a_state(**fields))
    assert isinstance(line, GameState), line
    return line


def full(**fields: object) -> GameFull:
    line = parse_line(a_full(**fields))
    assert isinstance(line, GameFull), line
    return line


class TestAGameFull:
    def test_holds_the_whole_game(self) -> None:
        assert full() == GameFull(
            id=GameId("jUHbU3aa"),
            variant="standard",
            rated=True,
            speed="blitz",
            white=LichessPlayer(name="Crabby", title="BOT", rating=2000),
            black=LichessPlayer(name="Ann", rating=1500),
            initial_fen="startpos",
            clock=Clock(initial=FIVE_MINUTES, increment=THREE_SECONDS),
            state=THE_STATE,
        )

    def test_has_its_clocks_in_the_same_unit_as_a_game_state(self) -> None:
        assert full(state=a_state()).state == state()

    def test_of_berserk_mixes_its_units_and_so_is_not_used(self) -> None:
        line = BerserkGameState.convert(a_full())
        later = BerserkGameState.convert(a_state())
        assert (line["state"]["wtime"], later["wtime"]) == (300_000, FIVE_MINUTES)

    def test_against_the_computer_names_its_level(self) -> None:
        assert full(black={"aiLevel": 5}).black == LichessPlayer(name="Stockfish level 5")

    def test_against_an_anonymous_opponent_has_an_empty_name(self) -> None:
        assert full(black={}).black == LichessPlayer(name="")

    def test_without_a_clock_has_none(self) -> None:
        raw = a_full()
        del raw["clock"]
        line = parse_line(raw)
        assert isinstance(line, GameFull)
        assert line.clock is None

    def test_of_an_arena_is_of_a_tournament(self) -> None:
        assert (full().is_tournament, full(tournamentId="weekly00").is_tournament) == (False, True)

    def test_from_a_position_brings_its_fen(self) -> None:
        fen = "4k3/8/8/8/8/8/4P3/4K3 w - - 0 1"
        assert full(initialFen=fen).initial_fen == fen


class TestAGameState:
    def test_at_the_start_has_no_moves(self) -> None:
        assert state(moves="").moves == ()

    def test_reads_castling_promotions_and_drops(self) -> None:
        assert state(moves="e1h1 a7a8q P@e4").moves == ("e1h1", "a7a8q", "P@e4")

    def test_without_a_clock_has_no_times(self) -> None:
        unlimited = state(wtime=2147483647, btime=2147483647, winc=0, binc=0)
        assert (unlimited.white_time, unlimited.black_time) == (None, None)

    def test_with_a_clock_below_zero_is_at_zero(self) -> None:
        assert state(wtime=-40).white_time == timedelta(0)

    def test_that_is_over_names_its_winner(self) -> None:
        over = state(status="mate", winner="black")
        assert (over.is_over, over.winner) == (True, chess.BLACK)

    def test_that_is_drawn_has_no_winner(self) -> None:
        assert state(status="draw").winner is None

    def test_shows_who_offers_a_draw(self) -> None:
        offer = state(bdraw=True)
        assert (offer.white_draw, offer.black_draw) == (False, True)

    def test_of_six_hundred_plies_is_read(self) -> None:
        assert len(state(moves=" ".join(["g1f3", "g8f6", "f3g1", "f6g8"] * 150)).moves) == 600

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("moves", None),
            ("moves", ["e2e4"]),
            ("moves", "e2e4  e7e5"),
            ("moves", "e2e9"),
            ("moves", "resign"),
            ("moves", "e2e4\n"),
            ("wtime", None),
            ("wtime", "300000"),
            ("wtime", float("inf")),
            ("wtime", True),
            ("binc", []),
            ("status", 20),
            ("winner", "both"),
            ("wdraw", "yes"),
        ],
    )
    def test_with_an_odd_field_is_unexpected(self, field: str, value: object) -> None:
        line = parse_line(a_state(**{field: value}))
        assert isinstance(line, Unexpected)
        assert field in line.why


class TestOtherLines:
    def test_of_an_absent_opponent_hold_the_time_until_a_claim(self) -> None:
        raw = {"type": "opponentGone", "gone": True, "claimWinInSeconds": 8}
        assert parse_line(raw) == OpponentGone(gone=True, claim_win_in=timedelta(seconds=8))

    def test_of_a_returned_opponent_hold_no_time(self) -> None:
        assert parse_line({"type": "opponentGone", "gone": False}) == OpponentGone(gone=False)

    def test_of_chat_hold_the_text_without_control_characters(self) -> None:
        raw = {"type": "chatLine", "room": "player", "username": "ann", "text": "hello 👩‍🚀\x1b[2J"}
        assert parse_line(raw) == ChatLine(
            username="ann", text="hello 👩\ufffd🚀\ufffd[2J", room="player"
        )

    def test_of_chat_are_cut_at_500_characters(self) -> None:
        raw = {"type": "chatLine", "room": "player", "username": "ann", "text": "x" * 10**6}
        line = parse_line(raw)
        assert isinstance(line, ChatLine)
        assert len(line.text) == 500

    def test_of_an_unknown_kind_are_unexpected(self) -> None:
        assert isinstance(parse_line({"type": "weather"}), Unexpected)
