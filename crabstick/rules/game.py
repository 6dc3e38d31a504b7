"""One game as a state machine: `step(play, event)` gives the next state and what to do now.

Pure. The player in `actors/` feeds it events and carries the effects out. Every transition is in
`TRANSITIONS`; a step that the table does not list is a mistake of ours and raises. The diagram in
docs/game-states.md is made from the table.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

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
    Forget,
    Leave,
    LeaveAsked,
    NoShow,
    Opened,
    OpponentLeft,
    Phase,
    Play,
    Post,
    PostAgain,
    Resync,
    StreamLost,
    Think,
    WatchEcho,
    WatchNoShow,
)
from crabstick.rules.model import (
    Denied,
    GameState,
    Limited,
    Posted,
    RefusedPost,
    Unanswered,
)

__all__ = ["TRANSITIONS", "diagram", "step"]

MAX_REFUSALS = 3
"""Refused this often in one position, the move (or our view of the game) is wrong for good."""

ABORTABLE_PLIES = 2
"""A game can be aborted before its second ply. Source: lila, `Game.abortable`."""

Step = tuple[Play, tuple[Effect, ...]]

_MOVED_ON = frozenset({Phase.THINKING, Phase.WAITING, Phase.OVER})

TRANSITIONS: Mapping[Phase, Mapping[type[Event], frozenset[Phase]]] = {
    Phase.SYNCING: {
        Opened: _MOVED_ON | {Phase.POSTING},
        StreamLost: frozenset({Phase.SYNCING}),
        Chosen: frozenset({Phase.SYNCING}),
        Answered: frozenset({Phase.SYNCING}),
        EchoOverdue: frozenset({Phase.SYNCING}),
        NoShow: frozenset({Phase.SYNCING}),
        Advanced: frozenset({Phase.SYNCING}),
        OpponentLeft: frozenset({Phase.SYNCING}),
        LeaveAsked: frozenset({Phase.SYNCING, Phase.OVER}),
    },
    Phase.THINKING: {
        Advanced: _MOVED_ON,
        StreamLost: frozenset({Phase.SYNCING}),
        Chosen: frozenset({Phase.POSTING, Phase.THINKING}),
        Answered: frozenset({Phase.THINKING}),
        EchoOverdue: frozenset({Phase.THINKING}),
        NoShow: frozenset({Phase.THINKING}),
        OpponentLeft: frozenset({Phase.THINKING}),
        LeaveAsked: frozenset({Phase.THINKING, Phase.OVER}),
    },
    Phase.POSTING: {
        Advanced: _MOVED_ON | {Phase.POSTING},
        StreamLost: frozenset({Phase.SYNCING}),
        Chosen: frozenset({Phase.POSTING}),
        Answered: frozenset({Phase.POSTING, Phase.SYNCING}),
        EchoOverdue: frozenset({Phase.POSTING, Phase.SYNCING}),
        NoShow: frozenset({Phase.POSTING}),
        OpponentLeft: frozenset({Phase.POSTING}),
        LeaveAsked: frozenset({Phase.POSTING, Phase.OVER}),
    },
    Phase.WAITING: {
        Advanced: _MOVED_ON,
        StreamLost: frozenset({Phase.SYNCING}),
        Chosen: frozenset({Phase.WAITING}),
        Answered: frozenset({Phase.WAITING}),
        EchoOverdue: frozenset({Phase.WAITING}),
        NoShow: frozenset({Phase.WAITING}),
        OpponentLeft: frozenset({Phase.WAITING}),
        LeaveAsked: frozenset({Phase.OVER}),
    },
    Phase.OVER: {},
}


def step(play: Play, event: Event) -> Step:
    """The next state and the effects, in the order in which they are to be carried out.

    Raises:
        InvariantBroken: the phase does not know this event, or Lichess refused our move for good.
    """
    allowed = TRANSITIONS[play.phase].get(type(event))
    if allowed is None:
        raise InvariantBroken(f"{type(event).__name__} cannot happen while {play.phase.value}")
    after, effects = _HANDLERS[type(event)](play, event)
    if after.phase not in allowed:
        raise InvariantBroken(
            f"{type(event).__name__} led from {play.phase.value} to {after.phase.value}"
        )
    return after, effects


def _opened(play: Play, event: Opened) -> Step:
    full = event.full
    known = replace(
        play,
        color=event.color,
        white_starts=full.initial_fen == "startpos" or " w " in full.initial_fen,
        can_abort=not full.is_tournament,
    )
    return _look(known, full.state)


def _advanced(play: Play, event: Advanced) -> Step:
    if play.phase is Phase.SYNCING:
        return play, (Resync(),)  # a stream that does not begin with the whole game
    return _look(play, event.state)


def _look(play: Play, state: GameState) -> Step:
    """What a fresh line means, whichever way it came."""
    same_position = play.state is not None and play.state.moves == state.moves
    if same_position:
        play = replace(play, state=state)
    else:
        play = replace(play, state=state, chosen=None, attempts=0, refusals=0)
    if state.is_over:
        over = replace(play, phase=Phase.OVER, searching=None)
        return over, (Forget(), Finish(status=state.status, winner=state.winner))
    stale: tuple[Effect, ...] = ()
    if play.searching is not None and not (same_position and play.is_our_turn):
        play, stale = replace(play, searching=None), (Forget(),)
    after, effects = _our_turn(play) if play.is_our_turn else _their_turn(play)
    return after, stale + effects


def _our_turn(play: Play) -> Step:
    if play.phase is Phase.POSTING and play.chosen is not None:
        return play, ()  # a line without a new move (an offer, the clocks) changes nothing
    if play.chosen is not None:
        return replace(play, phase=Phase.POSTING), (Post(ply=play.ply, uci=play.chosen),)
    thinking = replace(play, phase=Phase.THINKING, searching=play.ply)
    return thinking, () if play.searching == play.ply else (Think(ply=play.ply),)


def _their_turn(play: Play) -> Step:
    if play.is_leaving:
        return _left(play)
    watch = (WatchNoShow(ply=play.ply),) if _may_abort(play) else ()
    return replace(play, phase=Phase.WAITING), watch


def _stream_lost(play: Play, _event: StreamLost) -> Step:
    return replace(play, phase=Phase.SYNCING), (Resync(),)


def _chosen(play: Play, event: Chosen) -> Step:
    if play.searching != event.ply or event.ply != play.ply:
        return play, ()
    is_open = play.phase is Phase.THINKING  # else it is posted when the stream is open again
    phase = Phase.POSTING if is_open else play.phase
    chosen = replace(play, phase=phase, searching=None, chosen=event.uci, attempts=0)
    return chosen, (Post(ply=event.ply, uci=event.uci),) if is_open else ()


def _answered(play: Play, event: Answered) -> Step:
    if play.phase is not Phase.POSTING or play.chosen is None or event.ply != play.ply:
        return play, ()  # the stream was faster, or is asked already
    match event.outcome:
        case Posted():
            return play, (WatchEcho(ply=event.ply),)
        case RefusedPost(why=why):
            return _refused(play, why)
        case Limited(retry_after=after):
            return _again(play, is_limited=True, after=after)
        case Unanswered() | Denied():
            return _again(play)


def _refused(play: Play, why: str) -> Step:
    """Our picture of the game is wrong: only a fresh stream can tell in which way."""
    if play.refusals + 1 >= MAX_REFUSALS:
        raise InvariantBroken(f"Lichess keeps refusing {play.chosen} at ply {play.ply}: {why}")
    afresh = replace(play, phase=Phase.SYNCING, chosen=None, refusals=play.refusals + 1)
    return afresh, (Resync(),)


def _again(play: Play, *, is_limited: bool = False, after: timedelta | None = None) -> Step:
    again = PostAgain(
        ply=play.ply,
        uci=play.chosen or "",
        attempt=play.attempts,
        is_limited=is_limited,
        after=after,
    )
    return replace(play, attempts=play.attempts + 1), (again,)


def _echo_overdue(play: Play, event: EchoOverdue) -> Step:
    if play.phase is not Phase.POSTING or event.ply != play.ply:
        return play, ()
    return replace(play, phase=Phase.SYNCING), (Resync(),)


def _no_show(play: Play, event: NoShow) -> Step:
    if play.phase is not Phase.WAITING or event.ply != play.ply or not _may_abort(play):
        return play, ()
    return play, (Abort(),)


def _opponent_left(play: Play, event: OpponentLeft) -> Step:
    line = event.line
    may_claim = line.gone and line.claim_win_in is not None and not line.claim_win_in
    return play, (ClaimVictory(),) if may_claim and play.phase is Phase.WAITING else ()


def _leave_asked(play: Play, event: LeaveAsked) -> Step:
    leaving = replace(play, is_leaving=True)
    return _left(leaving) if event.at_once or play.phase is Phase.WAITING else (leaving, ())


def _left(play: Play) -> Step:
    """Whether a move on its way was taken, whoever comes sees on the stream."""
    stale = () if play.searching is None else (Forget(),)
    return replace(play, phase=Phase.OVER, searching=None), (*stale, Leave())


def _may_abort(play: Play) -> bool:
    """Lichess lets a game be aborted while fewer than two plies are played, not in tournaments."""
    return play.can_abort and play.ply < ABORTABLE_PLIES


_HANDLERS: Mapping[type[Event], Callable[[Play, Any], Step]] = {
    Opened: _opened,
    Advanced: _advanced,
    StreamLost: _stream_lost,
    Chosen: _chosen,
    Answered: _answered,
    EchoOverdue: _echo_overdue,
    NoShow: _no_show,
    OpponentLeft: _opponent_left,
    LeaveAsked: _leave_asked,
}


def diagram() -> str:
    """The table as a Mermaid state diagram; steps that stay where they are are left out."""
    lines = ["stateDiagram-v2", f"    [*] --> {Phase.SYNCING.value}"]
    for phase, events in TRANSITIONS.items():
        for event, targets in events.items():
            lines += [
                f"    {phase.value} --> {target.value}: {event.__name__}"
                for target in Phase
                if target in targets and target is not phase
            ]
    return "\n".join([*lines, f"    {Phase.OVER.value} --> [*]", ""])
