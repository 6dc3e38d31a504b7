"""What the user may have meant: the nearest known word or key for one that is not known."""

from collections.abc import Collection
from difflib import get_close_matches

__all__ = ["ELSEWHERE", "nearest", "nearest_key"]

ELSEWHERE = {
    "abort_time": "game.abort_after_s",
    "accept_bot": "challenges.accept_bots",
    "concurrency": "challenges.max_games",
    "go_commands": "engine.limits",
    "max_base": "challenges.max_initial_s",
    "min_base": "challenges.min_initial_s",
    "movetime": "engine.limits.move_time_ms",
    "uci_options": "engine.options",
}
"""What lichess-bot and BotLi call it: their users bring these words along."""


def nearest(word: str, known: Collection[str], likeness: float = 0.6) -> str | None:
    """The known word most like `word`; case does not matter. None when nothing is like it.

    Args:
        word: as the user wrote it.
        known: what it may have been meant for.
        likeness: how like it must be, from 0 to 1, which is the same.
    """
    by_folded = {name.casefold(): name for name in known}
    close = get_close_matches(word.casefold()[:100], by_folded, n=1, cutoff=likeness)
    return by_folded[close[0]] if close else None


def nearest_key(path: str, known: Collection[str]) -> str | None:
    """The known dotted key that the unknown `path` was meant for.

    Looked for among its neighbours first, then under its own last word in other sections, then
    among the words of other programs, at last among all keys.
    """
    parent, _, leaf = path.rpartition(".")
    neighbours = {key.rpartition(".")[2]: key for key in known if key.rpartition(".")[0] == parent}
    elsewhere = {key.rpartition(".")[2]: key for key in known}
    near = nearest(leaf, neighbours)
    if near is not None:
        return neighbours[near]
    near = nearest(leaf, elsewhere)
    return elsewhere.get(leaf) or ELSEWHERE.get(leaf) or (elsewhere[near] if near else None)
