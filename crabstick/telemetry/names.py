"""The names of our log events, `noun.verb_past`: a search for a constant finds its uses."""

from typing import Final

__all__ = [
    "ACTOR_ADOPTED",
    "ACTOR_FAILED",
    "ACTOR_HUNG",
    "ACTOR_LOST",
    "ACTOR_SILENT",
    "ACTOR_SPAWNED",
    "ACTOR_SUSPECTED",
    "ACTOR_USELESS",
    "CHALLENGE_ACCEPTED",
    "CHALLENGE_DECLINED",
    "CHALLENGE_UNANSWERED",
    "GAME_ABORTING",
    "GAME_ASSIGNED",
    "GAME_FINISHED",
    "GAME_FORFEITED",
    "GAME_HANDED_OVER",
    "GAME_LEAVING",
    "GAME_RESIGNED",
    "GAME_STARTED",
    "GAME_TAKEN_OVER",
    "GAME_UNPLAYABLE",
    "LEFT_ALONE",
    "LINE_MISSED",
    "LINE_UNEXPECTED",
    "LOOP_STALLED",
    "MOVE_NOT_TAKEN",
    "MOVE_POSTING",
    "MOVE_TOO_LATE",
    "NODE_SPARED",
    "RAY_SILENT",
    "READ_FAILED",
    "SHUTDOWN_CLOSED",
    "STREAM_LOST",
    "TASK_FAILED",
    "VICTORY_CLAIMED",
]

ACTOR_ADOPTED: Final = "actor.adopted"
ACTOR_FAILED: Final = "actor.failed"
ACTOR_HUNG: Final = "actor.found_hung"
ACTOR_LOST: Final = "actor.lost"
ACTOR_SILENT: Final = "actor.fell_silent"
ACTOR_SPAWNED: Final = "actor.spawned"
ACTOR_SUSPECTED: Final = "actor.suspected"
ACTOR_USELESS: Final = "actor.found_useless"
CHALLENGE_ACCEPTED: Final = "challenge.accepted"
CHALLENGE_DECLINED: Final = "challenge.declined"
CHALLENGE_UNANSWERED: Final = "challenge.left_unanswered"
GAME_ABORTING: Final = "game.abort_sent"
GAME_ASSIGNED: Final = "game.assigned"
GAME_FINISHED: Final = "game.finished"
GAME_FORFEITED: Final = "game.forfeited"
GAME_HANDED_OVER: Final = "game.handed_over"
GAME_LEAVING: Final = "game.leaving"
GAME_RESIGNED: Final = "game.resigned"
GAME_STARTED: Final = "game.started"
GAME_TAKEN_OVER: Final = "game.taken_over"
GAME_UNPLAYABLE: Final = "game.found_unplayable"
LEFT_ALONE: Final = "shutdown.forgotten"
LINE_MISSED: Final = "line.missed"
LINE_UNEXPECTED: Final = "line.not_understood"
LOOP_STALLED: Final = "loop.stalled"
MOVE_NOT_TAKEN: Final = "move.not_taken"
MOVE_POSTING: Final = "game.move_posting"
MOVE_TOO_LATE: Final = "move.too_late"
NODE_SPARED: Final = "node.found_spare"
RAY_SILENT: Final = "ray.fell_silent"
READ_FAILED: Final = "read.failed"
SHUTDOWN_CLOSED: Final = "shutdown.closed"
STREAM_LOST: Final = "stream.lost"
TASK_FAILED: Final = "task.failed"
VICTORY_CLAIMED: Final = "victory.claimed"
