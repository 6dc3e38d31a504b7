from dataclasses import replace
from datetime import timedelta

import chess
import pytest

from crabstick.lichess.account_parser import (
    parse_account,
    parse_event,
    parse_playing,
    parse_scopes,
)
from crabstick.lichess.game_parser import parse_line
from crabstick.rules.lichess_types import (
    Account,
    Challenge,
    ChallengeEnded,
    ChallengeMade,
    Clock,
    GameFinished,
    GameId,
    GameStarted,
    GameSummary,
    LichessPlayer,
    Unexpected,
)
from tests.unit.lichess.raw import a_challenge, a_challenge_event, a_game, a_state, an_event

ID = GameId("jUHbU3aa")
FIVE_PLUS_THREE = Clock(initial=timedelta(minutes=5), increment=timedelta(seconds=3))
THE_CHALLENGE = Challenge(
    id=ID,
    challenger=LichessPlayer(name="zeekat", title="BOT", rating=2100),
    dest_user=LichessPlayer(name="Crabby", title="BOT", rating=2000),
    variant="standard",
    rated=True,
    speed="blitz",
    clock=FIVE_PLUS_THREE,
    time_control="clock",
)
THE_GAME = GameSummary(
    id=ID,
    color=chess.WHITE,
    opponent=LichessPlayer(name="zeekat", title="BOT", rating=2100),
    speed="blitz",
    is_my_turn=True,
    time_left=timedelta(minutes=5),
    rated=True,
    initial_fen=chess.STARTING_FEN,
)


def started(**fields: object) -> GameSummary:
    event = parse_event(an_event("gameStart", game=a_game(**fields)))
    assert isinstance(event, GameStarted), event
    return event.game


def made(**fields: object) -> Challenge:
    event = parse_event(a_challenge_event(**fields))
    assert isinstance(event, ChallengeMade), event
    return event.challenge


class TestAChallenge:
    def test_is_read_with_both_players_and_the_clock_in_seconds(self) -> None:
        assert made() == THE_CHALLENGE

    def test_may_lack_challenger_and_target(self) -> None:
        open_challenge = made(challenger=None, destUser=None)
        assert (open_challenge.challenger, open_challenge.dest_user) == (None, None)

    @pytest.mark.parametrize(
        ("control", "kind"),
        [
            ({"type": "unlimited"}, "unlimited"),
            ({"type": "correspondence", "daysPerTurn": 3}, "correspondence"),
        ],
    )
    def test_without_a_clock_says_which_control_it_has(self, control: object, kind: str) -> None:
        challenge = made(timeControl=control)
        assert (challenge.clock, challenge.time_control) == (None, kind)

    def test_from_a_position_brings_its_fen(self) -> None:
        fen = "4k3/8/8/8/8/8/4P3/4K3 w - - 0 1"
        variant = {"key": "fromPosition"}
        challenge = made(variant=variant, initialFen=fen)
        assert (challenge.variant, challenge.initial_fen) == ("fromPosition", fen)

    def test_without_a_word_on_rating_is_casual(self) -> None:
        raw = a_challenge()
        del raw["rated"]
        event = parse_event(an_event("challenge", challenge=raw))
        assert event == ChallengeMade(challenge=replace(THE_CHALLENGE, rated=False))

    @pytest.mark.parametrize("kind", ["challengeCanceled", "challengeDeclined"])
    def test_that_has_ended_is_known_by_its_id(self, kind: str) -> None:
        assert parse_event(an_event(kind, challenge=a_challenge())) == ChallengeEnded(id=ID)


class TestAGameOfTheEventStream:
    def test_has_its_initial_position_until_the_first_move(self) -> None:
        assert started(lastMove="", fen="x/x w").initial_fen == "x/x w"
        assert started(lastMove="e2e4", fen="x/x b").initial_fen == ""
        assert started(lastMove=None, fen="x/x b").initial_fen == ""

    def test_is_read_with_our_clock_in_seconds_and_the_title_apart(self) -> None:
        assert started() == THE_GAME

    def test_against_the_computer_has_an_opponent_with_its_whole_name(self) -> None:
        game = started(opponent={"id": None, "username": "Stockfish level 3", "ai": 3})
        assert game.opponent == LichessPlayer(name="Stockfish level 3")

    def test_against_an_untitled_opponent_has_no_title(self) -> None:
        game = started(opponent={"id": "ann", "username": "Ann", "rating": 1500})
        assert game.opponent == LichessPlayer(name="Ann", rating=1500)

    def test_against_an_anonymous_opponent_has_an_empty_name(self) -> None:
        assert started(opponent={}).opponent == LichessPlayer(name="")

    def test_that_the_bot_api_cannot_play_is_not_playable(self) -> None:
        assert not started(compat={"bot": False, "board": True}).bot_playable

    def test_without_compat_is_playable(self) -> None:
        raw = a_game()
        del raw["compat"]
        assert parse_playing([raw]) == (THE_GAME,)

    def test_without_a_clock_has_no_time_left(self) -> None:
        assert started(secondsLeft=None).time_left is None

    def test_that_finished_is_known_by_its_id(self) -> None:
        event = parse_event(an_event("gameFinish", game=a_game(winner="black")))
        assert event == GameFinished(id=ID)

    def test_that_finished_before_an_opponent_was_read_is_known_all_the_same(self) -> None:
        assert parse_event(an_event("gameFinish", game={"id": ID})) == GameFinished(id=ID)


class TestTheOngoingGames:
    def test_keep_their_order(self) -> None:
        games = [a_game(gameId=f"game000{n}") for n in range(3)]
        assert [g.id for g in parse_playing(games)] == ["game0000", "game0001", "game0002"]

    def test_may_come_within_their_object(self) -> None:
        assert parse_playing({"nowPlaying": [a_game()], "nbMyTurn": 1}) == (THE_GAME,)

    @pytest.mark.parametrize("odd", [None, {}, {"nowPlaying": 3}, "x", [None], [{"gameId": 1}]])
    def test_that_cannot_be_read_are_left_out(self, odd: object) -> None:
        assert parse_playing(odd) == ()


class TestTheAccount:
    def test_without_a_title_is_not_a_bot(self) -> None:
        assert parse_account({"id": "ann", "username": "Ann"}) == Account(name="Ann", title=None)

    def test_with_the_title_bot_is_one(self) -> None:
        assert parse_account({"username": "crabby", "title": "BOT"}) == Account(
            name="crabby", title="BOT"
        )

    def test_without_a_name_is_unexpected(self) -> None:
        assert isinstance(parse_account({"title": "BOT"}), Unexpected)

    @pytest.mark.parametrize(
        ("answer", "scopes"),
        [
            ({"t": {"scopes": "bot:play, challenge:write"}}, {"bot:play", "challenge:write"}),
            ({"t": {"scopes": ""}}, set()),
            ({"t": {"scopes": 3}}, set()),
            ({"t": None}, set()),
            ({"other": {"scopes": "bot:play"}}, set()),
            (None, set()),
        ],
    )
    def test_has_the_scopes_that_the_answer_names(self, answer: object, scopes: set[str]) -> None:
        assert parse_scopes(answer, "t") == scopes


class TestWhatIsNotUnderstood:
    @pytest.mark.parametrize(
        ("raw", "why"),
        [
            (an_event("tournamentStart"), "unknown type 'tournamentStart'"),
            ({}, "line.type is not a short text: missing"),
            ({"type": 3}, "line.type is not a short text: 3"),
            ([], "line is not an object: []"),
            (an_event("gameStart"), "game is not an object: None"),
            (an_event("challenge", challenge=7), "challenge is not an object: 7"),
            (a_challenge_event(id="../../x"), "an id of eight letters and digits"),
            (a_challenge_event(id="jUHbU3a\n"), "an id of eight letters and digits"),
            (a_challenge_event(rated="yes"), "challenge.rated is not true or false: 'yes'"),
            (a_challenge_event(timeControl={"type": "hourglass"}), "a known time control"),
            (a_challenge_event(timeControl={"type": "clock"}), "limit is not a number: missing"),
            (a_challenge_event(speed="x" * 101), "challenge.speed is not a short text"),
            (a_challenge_event(speed="a\nb"), "challenge.speed is not a short text"),
            (a_challenge_event(challenger={"name": "\ud800"}), "name is not a short text"),
            (an_event("gameStart", game=a_game(color="red")), "color is not white or black"),
            (an_event("gameStart", game=a_game(secondsLeft=float("nan"))), "a finite number"),
            (an_event("gameStart", game=a_game(secondsLeft=True)), "secondsLeft is not a number"),
        ],
    )
    def test_is_unexpected_and_says_which_field(self, raw: object, why: str) -> None:
        event = parse_event(raw)
        assert isinstance(event, Unexpected)
        assert why in event.why

    def test_is_quoted_in_two_hundred_characters_at_most(self) -> None:
        events = [
            parse_event(an_event("x" * 10**6)),
            parse_event([["x" * 10**6] * 100] * 100),
            parse_event(a_challenge_event(variant={"key": {"k" * 999: "v" * 999}})),
        ]
        assert all(isinstance(event, Unexpected) and len(event.why) <= 200 for event in events)

    def test_stays_what_it_was_when_it_was_no_json(self) -> None:
        garbage = Unexpected(why="no JSON object: b'<html>'")
        assert (parse_event(garbage), parse_line(garbage)) == (garbage, garbage)


def test_a_state_is_not_an_event() -> None:
    assert isinstance(parse_event(a_state()), Unexpected)
