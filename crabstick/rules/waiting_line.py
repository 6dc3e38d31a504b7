"""The order of challenges that wait for a game to end. Pure."""

from collections.abc import Iterable, Sequence

from crabstick.rules.lichess_types import Challenge


def in_order(waiting: Iterable[Challenge], prefer: Sequence[str]) -> list[Challenge]:
    """The challenges, first in line first: by each word of `prefer` in turn, then as they came."""
    return sorted(waiting, key=lambda challenge: [_rank(challenge, word) for word in prefer])


def _rank(challenge: Challenge, word: str) -> int:
    challenger = challenge.challenger
    if word == "humans":
        return int(challenge.is_from_bot)
    if word == "titles":
        return int(challenger is None or challenger.title in {None, "BOT"})
    return -((challenger.rating if challenger else None) or 0)


def outdated_by(challenge: Challenge, waiting: Iterable[Challenge]) -> list[Challenge]:
    """The waiting challenges of the same player: Lichess cancels them without an event.

    Source: lila, ChallengeRepo: a new challenge to the same target replaces an open one.
    """
    name = challenge.challenger_id
    return [each for each in waiting if name and each.challenger_id == name]
