"""One game, step by step: what each event leads to, and laws over random sequences of events."""

from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import chess
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.errors import InvariantBroken
from crabstick.rules.game_events import (
    Abort,
    Advanced,
    Answered,
    Chosen,
    ClaimVictory,
    EchoOverdue,
    Effect,
    Event,
    Finish,
    HandOver,
    HandOverRequested,
    Intent,
    NoShow,
    Opened,
    OpponentLeft,
    Post,
    PostAgain,
    Resync,
    Schedule,
    StopSearch,
    StreamLost,
    Think,
)
from crabstick.rules.game_state_machine import TRANSITIONS, Phase, Play, diagram, step
from crabstick.rules.lichess_types import (
    Denied,
    Limited,
    OpponentGone,
    Posted,
    PostOutcome,
    RefusedPost,
    Unanswered,
)
from tests.builders import a_full, a_state, seconds

DOCS = Path(__file__).parents[3] / "docs" / "game-states.md"


def opened(moves: str = "", *, color: chess.Color = chess.WHITE, **changes: Any) -> Opened:
    return Opened(full=a_full(moves, **changes), color=color)


def after(*events: Event, start: Play | None = None) -> tuple[Play, tuple[Effect, ...]]:
    """The state after all events, and the effects of the last."""
    play = start or Play()
    effects: tuple[Effect, ...] = ()
    for event in events:
        play, effects = step(play, event)
    return play, effects


OUR_FIRST = (opened(), Chosen(ply=0, uci="e2e4"))


def test_a_fresh_game_as_white_starts_with_a_search() -> None:
    play, effects = after(opened())
    assert (play.phase, effects) == (Phase.THINKING, (Think(ply=0),))


def test_a_fresh_game_as_black_waits_and_watches_for_a_no_show() -> None:
    play, effects = after(opened(color=chess.BLACK))
    assert (play.phase, effects) == (Phase.WAITING, (Schedule(event=NoShow(ply=0)),))


def test_a_running_game_is_resumed_where_it_stands() -> None:
    play, effects = after(opened("e2e4 e7e5"))
    assert (play.phase, effects) == (Phase.THINKING, (Think(ply=2),))


def test_a_position_with_black_to_move_gives_black_the_first_ply() -> None:
    fen = "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1"
    _, effects = after(opened(color=chess.BLACK, initial_fen=fen))
    assert effects == (Think(ply=0),)


def test_the_chosen_move_is_posted() -> None:
    play, effects = after(*OUR_FIRST)
    assert (play.phase, effects) == (Phase.POSTING, (Post(ply=0, uci="e2e4"),))


def test_the_intent_of_a_move_goes_with_every_post_of_it() -> None:
    story = (opened(), Chosen(ply=0, uci="e2e4", intent="draw"))
    lost = Answered(ply=0, outcome=Unanswered(why="reset"))
    post = Post(ply=0, uci="e2e4", intent="draw")
    assert after(*story)[1] == (post,)
    assert after(*story, lost)[1] == (PostAgain(ply=0, uci="e2e4", attempt=0, intent="draw"),)
    assert after(*story, StreamLost(), opened())[1] == (post,)


def test_a_late_search_result_is_dropped() -> None:
    _, effects = after(opened(), Advanced(state=a_state("e2e4")), Chosen(ply=0, uci="d2d4"))
    assert effects == ()


def test_our_move_on_the_stream_ends_posting() -> None:
    play, effects = after(*OUR_FIRST, Advanced(state=a_state("e2e4")))
    assert (play.phase, effects) == (Phase.WAITING, (Schedule(event=NoShow(ply=1)),))


def test_the_opponents_move_starts_the_next_search() -> None:
    _, effects = after(*OUR_FIRST, Advanced(state=a_state("e2e4 e7e5")))
    assert effects == (Think(ply=2),)


def test_a_line_without_a_new_move_changes_nothing() -> None:
    play, effects = after(opened(), Advanced(state=a_state(white_draw=True)))
    assert (play.phase, effects) == (Phase.THINKING, ())


def test_a_lost_stream_is_reopened_and_the_search_goes_on() -> None:
    play, effects = after(opened(), StreamLost())
    assert (play.phase, play.searching, effects) == (Phase.SYNCING, 0, (Resync(),))
    assert after(opened(), start=play)[1] == ()


def test_a_move_chosen_without_a_stream_is_posted_when_the_stream_is_open() -> None:
    story = (opened(), StreamLost(), Chosen(ply=0, uci="e2e4"))
    assert after(*story)[1] == ()
    assert after(*story, opened())[1] == (Post(ply=0, uci="e2e4"),)


def test_a_move_that_may_be_lost_is_repeated_after_a_reconnect() -> None:
    _, effects = after(*OUR_FIRST, StreamLost(), opened())
    assert effects == (Post(ply=0, uci="e2e4"),)


def test_an_accepted_move_is_not_repeated_after_a_reconnect() -> None:
    play, effects = after(*OUR_FIRST, StreamLost(), opened("e2e4"))
    assert (play.phase, effects) == (Phase.WAITING, (Schedule(event=NoShow(ply=1)),))


def test_the_search_is_stopped_when_the_game_has_moved_on() -> None:
    _, effects = after(opened("e2e4 e7e5"), StreamLost(), opened("e2e4 e7e5 g1f3 b8c6"))
    assert effects == (StopSearch(), Think(ply=4))


@pytest.mark.parametrize(
    ("outcome", "effect"),
    [
        (Posted(), Schedule(event=EchoOverdue(ply=0))),
        (Unanswered(why="reset"), PostAgain(ply=0, uci="e2e4", attempt=0)),
        (Denied(why="token"), PostAgain(ply=0, uci="e2e4", attempt=0)),
        (
            Limited(retry_after=None),
            PostAgain(ply=0, uci="e2e4", attempt=0, is_limited=True),
        ),
        (
            Limited(retry_after=timedelta(seconds=2)),
            PostAgain(ply=0, uci="e2e4", attempt=0, is_limited=True, after=timedelta(seconds=2)),
        ),
        (RefusedPost(why="Not your turn"), Resync()),
    ],
)
def test_every_answer_to_a_move_has_its_effect(outcome: PostOutcome, effect: Effect) -> None:
    assert after(*OUR_FIRST, Answered(ply=0, outcome=outcome))[1] == (effect,)


def test_repeated_posts_count_their_attempts() -> None:
    lost = Answered(ply=0, outcome=Unanswered(why="reset"))
    _, effects = after(*OUR_FIRST, lost, lost)
    assert effects == (PostAgain(ply=0, uci="e2e4", attempt=1),)


def test_a_refused_move_is_searched_again_when_the_position_is_the_same() -> None:
    refused = Answered(ply=0, outcome=RefusedPost(why="no"))
    _, effects = after(*OUR_FIRST, refused, opened())
    assert effects == (Think(ply=0),)


def test_a_move_that_is_refused_repeatedly_is_our_own_bug() -> None:
    refused = Answered(ply=0, outcome=RefusedPost(why="no"))
    again = (opened(), Chosen(ply=0, uci="e2e4"), refused)
    with pytest.raises(InvariantBroken, match="keeps refusing e2e4 at ply 0"):
        after(*OUR_FIRST, refused, *again, *again)


def test_an_answer_that_the_stream_overtook_is_ignored() -> None:
    late = Answered(ply=0, outcome=Unanswered(why="reset"))
    assert after(*OUR_FIRST, Advanced(state=a_state("e2e4")), late)[1] == ()


def test_a_move_without_an_echo_reopens_the_stream() -> None:
    play, effects = after(*OUR_FIRST, EchoOverdue(ply=0))
    assert (play.phase, effects) == (Phase.SYNCING, (Resync(),))


def test_a_move_with_an_echo_reopens_nothing() -> None:
    assert after(*OUR_FIRST, Advanced(state=a_state("e2e4")), EchoOverdue(ply=0))[1] == ()


def test_a_game_without_the_opponents_first_move_is_aborted() -> None:
    assert after(opened(color=chess.BLACK), NoShow(ply=0))[1] == (Abort(),)


def test_a_game_that_the_opponent_has_begun_is_not_aborted() -> None:
    story = (opened(color=chess.BLACK), Advanced(state=a_state("e2e4")), NoShow(ply=0))
    assert after(*story)[1] == ()


@pytest.mark.parametrize("kind", [{"is_tournament": True}, {"clock": None}])
def test_games_of_tournaments_and_games_that_take_days_are_never_aborted(
    kind: dict[str, Any],
) -> None:
    assert after(opened(color=chess.BLACK, **kind), NoShow(ply=0))[1] == ()


def test_the_win_is_claimed_when_the_opponent_was_gone_long_enough() -> None:
    gone = OpponentLeft(line=OpponentGone(gone=True, claim_win_in=seconds(0)))
    assert after(opened("e2e4 e7e5 g1f3"), gone)[1] == (ClaimVictory(),)


@pytest.mark.parametrize(
    "line",
    [OpponentGone(gone=True, claim_win_in=seconds(5)), OpponentGone(gone=False)],
)
def test_nothing_is_claimed_before_the_time_is_up(line: OpponentGone) -> None:
    assert after(opened("e2e4 e7e5 g1f3"), OpponentLeft(line=line))[1] == ()


def test_the_last_line_ends_the_game() -> None:
    mate = a_state("f2f3 e7e5 g2g4 d8h4", status="mate", winner=chess.BLACK)
    play, effects = after(opened(), Advanced(state=mate))
    assert play.phase is Phase.OVER
    assert effects == (StopSearch(), Finish(status="mate", winner=chess.BLACK))


def test_nothing_can_happen_after_the_end() -> None:
    over, _ = after(opened(state=a_state(status="draw")))
    with pytest.raises(InvariantBroken, match="StreamLost cannot happen while over"):
        step(over, StreamLost())


def test_a_stream_that_begins_in_mid_game_is_reopened() -> None:
    play, effects = after(Advanced(state=a_state("e2e4")))
    assert (play.phase, effects) == (Phase.SYNCING, (Resync(),))


# Handing the game over.


def test_on_the_opponents_time_a_game_is_handed_over_at_once() -> None:
    play, effects = after(opened("e2e4"), HandOverRequested())
    assert (play.phase, effects) == (Phase.OVER, (HandOver(),))


def test_on_our_time_the_move_is_posted_and_shown_before_the_handover() -> None:
    asked = (opened(), HandOverRequested())
    play, effects = after(*asked)
    assert (play.phase, play.searching, effects) == (Phase.THINKING, 0, ())
    posting, effects = after(*asked, Chosen(ply=0, uci="e2e4"))
    assert (posting.phase, effects) == (Phase.POSTING, (Post(ply=0, uci="e2e4"),))
    shown, effects = after(Advanced(state=a_state("e2e4")), start=posting)
    assert (shown.phase, effects) == (Phase.OVER, (HandOver(),))


def test_an_unanswered_move_is_repeated_before_the_handover() -> None:
    story = (*OUR_FIRST, HandOverRequested(), Answered(ply=0, outcome=Unanswered(why="reset")))
    assert after(*story)[1] == (PostAgain(ply=0, uci="e2e4", attempt=0),)


def test_without_a_stream_the_handover_waits_for_the_first_line() -> None:
    asked = (opened("e2e4 e7e5"), StreamLost(), HandOverRequested())
    assert after(*asked)[0].phase is Phase.SYNCING
    assert after(*asked, opened("e2e4 e7e5"))[0].phase is Phase.THINKING
    assert after(*asked, opened("e2e4 e7e5 g1f3"))[1] == (StopSearch(), HandOver())


def test_a_game_that_ends_first_is_finished_not_handed_over() -> None:
    resigned = Advanced(state=a_state(status="resign", winner=chess.WHITE))
    finish = Finish(status="resign", winner=chess.WHITE)
    assert after(opened(), HandOverRequested(), resigned)[1] == (StopSearch(), finish)


@pytest.mark.parametrize(
    ("story", "effects"),
    [
        ((), (HandOver(),)),
        ((opened(), StreamLost()), (StopSearch(), HandOver())),
        ((opened(),), (StopSearch(), HandOver())),
        (OUR_FIRST, (HandOver(),)),
        ((opened("e2e4"),), (HandOver(),)),
        ((opened(), HandOverRequested()), (StopSearch(), HandOver())),
    ],
    ids=["unopened", "syncing", "thinking", "posting", "waiting", "leaving"],
)
def test_at_the_deadline_a_game_is_handed_over_in_any_phase(
    story: tuple[Event, ...], effects: tuple[Effect, ...]
) -> None:
    play, last = after(*story, HandOverRequested(at_once=True))
    assert (play.phase, play.searching, last) == (Phase.OVER, None, effects)


def test_a_second_request_changes_nothing() -> None:
    once, _ = after(opened(), HandOverRequested())
    assert after(HandOverRequested(), start=once) == (once, ())


def test_the_diagram_in_the_docs_is_made_from_the_table() -> None:
    assert diagram() in DOCS.read_text(encoding="utf-8")


# Laws over sequences of events that can really happen.

MOVES = ["e2e4", "e7e5", "g1f3", "b8c6", "f1b5", "a7a6", "b5a4", "g8f6"]
ANSWERS: list[PostOutcome] = [
    Posted(),
    Unanswered(why="x"),
    Limited(retry_after=None),
    Denied(why="x"),
]
outcomes = st.sampled_from(ANSWERS)


Story = list[tuple[Play, Event, Play, tuple[Effect, ...]]]


def late_events(play: Play) -> dict[type[Event], st.SearchStrategy[Event]]:
    """The events that may come at any time, about any ply so far."""
    plies = st.integers(0, play.ply)
    gone = OpponentLeft(line=OpponentGone(gone=True, claim_win_in=seconds(0)))
    return {
        Chosen: st.builds(
            Chosen,
            ply=plies,
            uci=st.just(MOVES[min(play.ply, 7)]),
            intent=st.sampled_from(get_args(Intent)),
        ),
        Answered: st.builds(Answered, ply=plies, outcome=outcomes),
        EchoOverdue: st.builds(EchoOverdue, ply=plies),
        NoShow: st.builds(NoShow, ply=plies),
        OpponentLeft: st.just(gone),
        StreamLost: st.just(StreamLost()),
        HandOverRequested: st.builds(
            HandOverRequested, at_once=st.sampled_from([False] * 4 + [True])
        ),
    }


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Random events that the phase allows; the moves are those of one game."""
    color = draw(st.booleans())
    play = Play()
    steps: Story = []
    for _ in range(draw(st.integers(1, 40))):
        kinds = sorted(TRANSITIONS[play.phase], key=lambda kind: kind.__name__)
        if not kinds:
            break
        kind = draw(st.sampled_from(kinds))
        event: Event
        if kind in {Opened, Advanced}:
            ply = draw(st.integers(play.ply, min(play.ply + 2, len(MOVES))))
            status = draw(st.sampled_from(["started"] * 9 + ["resign"]))
            state = a_state(" ".join(MOVES[:ply]), status=status)
            fresh = Opened(full=a_full(state=state), color=color)
            event = fresh if kind is Opened else Advanced(state=state)
        else:
            event = draw(late_events(play)[kind])
        after, effects = step(play, event)
        steps.append((play, event, after, effects))
        play = after
    return steps


@given(stories())
def test_a_move_is_posted_only_on_our_turn_with_an_open_stream(story: Story) -> None:
    for _, _, after, effects in story:
        for effect in effects:
            if isinstance(effect, Post | PostAgain):
                assert after.phase is Phase.POSTING
                assert after.is_our_turn
                posted = (effect.ply, effect.uci, effect.intent)
                assert posted == (after.ply, after.chosen, after.intent)


@given(stories())
def test_the_phase_says_whose_turn_it_is(story: Story) -> None:
    for _, _, after, _ in story:
        if after.phase is Phase.THINKING:
            assert after.searching == after.ply
        if after.phase in {Phase.THINKING, Phase.POSTING}:
            assert after.is_our_turn
        if after.phase is Phase.WAITING:
            assert not after.is_our_turn


@given(stories())
def test_no_search_starts_while_another_runs(story: Story) -> None:
    running: int | None = None
    for _, event, after, effects in story:
        if isinstance(event, Chosen) and after.searching is None:
            running = None
        for effect in effects:
            if isinstance(effect, StopSearch):
                running = None
            elif isinstance(effect, Think):
                assert running is None
                running = effect.ply


@given(stories())
def test_a_handover_is_the_last_effect_of_a_game(story: Story) -> None:
    for _, _, after, effects in story:
        if HandOver() in effects:
            assert (effects[-1], after.phase) == (HandOver(), Phase.OVER)
            assert set(map(type, effects)) <= {StopSearch, HandOver}


@given(stories())
def test_only_a_deadline_wastes_a_search(story: Story) -> None:
    for _, event, after, effects in story:
        if HandOver() in effects and event != HandOverRequested(at_once=True):
            assert not after.is_our_turn


@given(stories())
def test_an_actor_that_hands_over_never_waits_for_the_opponent(story: Story) -> None:
    for _, _, after, _ in story:
        assert not (after.is_handing_over and after.phase is Phase.WAITING)
