"""What the user interface says, read into values. Pure, and forgiving as UCI asks.

Source: UCI protocol, April 2006: unknown words are skipped, and so is a number that is none.
"""

from dataclasses import dataclass

from engine.embedded.timeman import Clock

_NUMBERS = frozenset(
    {"wtime", "btime", "winc", "binc", "movestogo", "depth", "nodes", "mate", "movetime"}
)
_FLAGS = frozenset({"infinite", "ponder", "searchmoves"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """A `go` command.

    Attributes:
        clocks: white's and black's; None for a side whose time was not told.
        depth: plies; None: no limit.
        nodes: None: no limit.
        move_time_ms: None: the clock decides.
        infinite: search until `stop`.
        ponder: search until `stop` or `ponderhit`.
        search_moves: UCI texts; empty: all moves.
    """

    clocks: tuple[Clock | None, Clock | None] = (None, None)
    depth: int | None = None
    nodes: int | None = None
    move_time_ms: int | None = None
    infinite: bool = False
    ponder: bool = False
    search_moves: tuple[str, ...] = ()


def parse_go(words: list[str]) -> Go:
    """Reads the words after `go`."""
    numbers: dict[str, int] = {}
    flags: set[str] = set()
    moves: list[str] = []
    topic = ""
    for word in words:
        if word in _NUMBERS or word in _FLAGS:
            topic = word
            flags.add(word)
        elif topic == "searchmoves":
            moves.append(word)
        elif topic in _NUMBERS and (number := _number(word)) is not None:
            numbers.setdefault(topic, number)
    return Go(
        clocks=(_clock(numbers, "w"), _clock(numbers, "b")),
        depth=_depth(numbers),
        nodes=max(1, numbers["nodes"]) if "nodes" in numbers else None,
        move_time_ms=numbers.get("movetime"),
        infinite="infinite" in flags,
        ponder="ponder" in flags,
        search_moves=tuple(moves),
    )


def _number(word: str) -> int | None:
    """Reads a whole number; None if it is none (GUIs have been seen to send fractions)."""
    try:
        return int(word)
    except ValueError:
        return None


def _clock(numbers: dict[str, int], side: str) -> Clock | None:
    """Reads one side's clock."""
    if f"{side}time" not in numbers:
        return None
    return Clock(
        remaining_ms=numbers[f"{side}time"],
        increment_ms=max(0, numbers.get(f"{side}inc", 0)),
        moves_to_go=max(0, numbers.get("movestogo", 0)),
    )


def _depth(numbers: dict[str, int]) -> int | None:
    """Reads the depth in plies; a wanted mate in n moves is a search of 2n - 1 plies."""
    depths = [numbers["depth"]] if "depth" in numbers else []
    if "mate" in numbers:
        depths.append(2 * abs(numbers["mate"]) - 1)
    return max(1, min(depths)) if depths else None


def parse_option(words: list[str]) -> tuple[str, str]:
    """Reads the words after `setoption`: name (in lower case) and value, both may have blanks."""
    text = " ".join(words)
    _, _, rest = f" {text}".partition(" name ")
    name, _, value = rest.partition(" value ")
    return name.strip().lower(), value.strip()


def parse_position(words: list[str]) -> tuple[str | None, list[str]]:
    """Reads the words after `position`: the FEN (None: the starting position) and the moves.

    Raises:
        ValueError: neither `startpos` nor `fen` follows.
    """
    cut = words.index("moves") if "moves" in words else len(words)
    setup, moves = words[:cut], words[cut + 1 :]
    if setup[:1] == ["startpos"]:
        return None, moves
    if setup[:1] == ["fen"]:
        return " ".join(setup[1:]), moves
    raise ValueError("position needs startpos or fen")
