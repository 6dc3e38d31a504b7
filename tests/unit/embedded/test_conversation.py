"""The UCI conversation, played over pipes within this process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from engine.embedded.lines import LineReader
from engine.embedded.uci import Conversation


@contextmanager
def a_pipe(text: str, *, close: bool = True) -> Iterator[int]:
    """Opens a pipe with a text in it, and closes its writing end unless told otherwise."""
    readable, writable = os.pipe()
    os.write(writable, text.encode())
    if close:
        os.close(writable)
    try:
        yield readable
    finally:
        os.close(readable)
        if not close:
            os.close(writable)


def answers(*commands: str) -> list[str]:
    """Sends commands and `quit`, and gives all lines that come back."""
    heard: list[str] = []
    with a_pipe("\n".join((*commands, "quit", ""))) as readable:
        Conversation(LineReader(readable), heard.append, lambda: 0.0).run()
    return heard


def talk(*commands: str) -> list[str]:
    """Holds a conversation in which each answer is awaited before the next command is sent."""
    heard: list[str] = []
    readable, writable = os.pipe()
    remaining = [*commands, "quit"]
    open_search = False

    def go_on() -> None:
        nonlocal open_search
        while remaining:
            command = remaining.pop(0)
            os.write(writable, f"{command}\n".encode())
            ends_search = open_search and command in ("stop", "ponderhit")
            is_go = command.startswith("go")
            open_search = (open_search and not ends_search) or (
                is_go and ("infinite" in command or "ponder" in command)
            )
            if ends_search or command == "isready" or (is_go and not open_search):
                return

    def hear(line: str) -> None:
        heard.append(line)
        if line.startswith(("bestmove", "readyok")):
            go_on()

    go_on()
    Conversation(LineReader(readable), hear, lambda: 0.0).run()
    os.close(readable)
    os.close(writable)
    return heard


def best_moves(*commands: str) -> list[str]:
    """Holds a conversation and gives the moves played."""
    return [line.split()[1] for line in talk(*commands) if line.startswith("bestmove")]


def test_the_engine_introduces_itself() -> None:
    heard = answers("uci")
    assert heard[0] == "id name Crabstick embedded"
    assert heard[-1] == "uciok"
    names = [line.split(" type ")[0] for line in heard if line.startswith("option")]
    assert names == [
        "option name Hash",
        "option name Move Overhead",
        "option name Ponder",
        "option name UCI_Chess960",
    ]


def test_it_is_ready_when_asked() -> None:
    assert answers("isready") == ["readyok"]


def test_each_depth_is_reported_with_its_line() -> None:
    heard = talk("position startpos moves e2e4", "go depth 2")
    words = heard[1].split()
    assert words[:4] == ["info", "depth", "2", "score"]
    assert [word for word in words[4:] if word.isalpha()] == ["cp", "nodes", "nps", "time", "pv"]
    assert heard[-1] == f"bestmove {words[-2]} ponder {words[-1]}"


def test_a_mate_is_reported_in_moves() -> None:
    heard = talk("position fen 7k/8/5K2/8/8/8/8/6R1 w - - 0 1", "go depth 5")
    assert " score mate 2 " in heard[-2]


def test_being_mated_is_reported_in_negative_moves() -> None:
    heard = talk("position fen 7k/5K2/8/8/8/8/8/6R1 b - - 0 1", "go depth 5")
    assert " score mate -1 " in heard[-2]


def test_a_mated_side_has_no_move() -> None:
    heard = talk("position fen R5k1/5ppp/8/8/8/8/8/4K3 b - - 0 1", "go depth 5")
    assert heard == ["info depth 0 score mate 0 nodes 0 nps 0 time 0", "bestmove (none)"]


def test_castling_is_written_in_the_chosen_form() -> None:
    position = "position fen 5k2/8/8/8/8/8/8/4K2R w K - 0 1"
    go = "go depth 1 searchmoves e1g1"
    assert best_moves(position, go) == ["e1g1"]
    assert best_moves("setoption name UCI_Chess960 value true", position, go) == ["e1h1"]


def test_a_game_goes_on_from_where_it_was() -> None:
    moves = "position startpos moves e2e4 e7e5"
    whole = best_moves(f"{moves} g1f3", "go depth 3")
    stepwise = best_moves(moves, f"{moves} g1f3", "go depth 3")
    assert whole == stepwise


def test_another_game_starts_from_its_own_beginning() -> None:
    heard = best_moves(
        "position startpos moves e2e4 e7e5",
        "position startpos moves d2d4",
        "go depth 1 searchmoves d7d5",
    )
    assert heard == ["d7d5"]


@pytest.mark.parametrize(
    "nonsense",
    [
        "position",
        "position fen",
        "position fen 8/8/8/8/8/8/8/8 w - - 0 1",
        "position startpos moves e2e5",
        "setoption name Hash value much",
        "setoption",
        "setoption name Colour value red",
        "xyzzy",
        "",
        "stop",
        "ponderhit",
    ],
)
def test_nonsense_is_skipped(nonsense: str) -> None:
    heard = talk(nonsense, "isready", "position startpos", "go nodes 50")
    assert "readyok" in heard
    assert heard[-1].startswith("bestmove ")


def test_an_illegal_position_is_explained() -> None:
    heard = answers("position startpos moves e2e5")
    assert heard == ["info string ignored: 'e2e5' is not a legal move"]


def test_unknown_words_before_a_command_are_skipped() -> None:
    assert answers("hello isready") == ["readyok"]


def test_options_are_kept_within_their_bounds() -> None:
    heard = talk(
        "setoption name Hash value -5",
        "setoption name Move Overhead value 99999",
        "position startpos",
        "go nodes 50",
    )
    assert heard[-1].startswith("bestmove ")


@pytest.mark.parametrize("go", ["go infinite", "go ponder wtime 1000 btime 1000"])
def test_an_open_search_ends_by_stop(go: str) -> None:
    assert answers("position startpos", go, "stop")[-1].startswith("bestmove ")
    assert talk("position startpos", go, "isready", "stop")[-1].startswith("bestmove ")


@pytest.mark.parametrize("limit", ["movetime 0", "depth 2"])
def test_a_ponder_hit_makes_the_limits_count(limit: str) -> None:
    heard = talk("position startpos", f"go ponder {limit}", "isready", "ponderhit")
    assert heard.index("readyok") < len(heard) - 1
    assert heard[-1].startswith("bestmove ")


def test_an_open_search_with_nothing_left_to_find_waits_with_its_answer() -> None:
    mate_in_one = "position fen 6k1/5ppp/8/8/8/8/8/R3K2R w KQ - 0 1"
    heard = talk(mate_in_one, "go infinite", "isready", "isready", "stop")
    assert heard.count("readyok") == 2
    assert heard[-1] == "bestmove a1a8"


def test_a_ponder_hit_without_pondering_changes_nothing() -> None:
    heard = answers("position startpos", "go infinite", "ponderhit", "isready", "stop")
    assert heard.index("readyok") < len(heard) - 1


def test_a_finished_ponder_search_answers_at_the_ponder_hit() -> None:
    mate_in_one = "position fen 6k1/5ppp/8/8/8/8/8/R3K2R w KQ - 0 1"
    heard = talk(mate_in_one, "go ponder wtime 1000", "isready", "isready", "ponderhit")
    assert heard[-1] == "bestmove a1a8"


def test_commands_that_come_during_a_search_are_obeyed_after_it() -> None:
    heard = answers("position startpos", "go infinite", "uci", "stop", "isready")
    best = next(index for index, line in enumerate(heard) if line.startswith("bestmove"))
    assert best < heard.index("uciok") < heard.index("readyok")


def test_quit_during_a_search_leaves_without_an_answer() -> None:
    heard = answers("position startpos", "go infinite")
    assert not any(line.startswith("bestmove") for line in heard)


@pytest.mark.parametrize("text", ["position startpos\ngo infinite\n", "", "isready"])
def test_the_end_of_the_input_ends_the_conversation(text: str) -> None:
    heard: list[str] = []
    with a_pipe(text) as readable:
        Conversation(LineReader(readable), heard.append, lambda: 0.0).run()
    assert not any(line.startswith("bestmove") for line in heard)


def test_a_new_game_is_as_good_as_a_new_process() -> None:
    searched = ("position startpos moves e2e4", "go nodes 2000", "ucinewgame")
    again = ("position startpos", "go nodes 2000")
    assert best_moves(*searched, *again)[1:] == best_moves(*again)


def test_lines_come_whole_however_they_were_sent() -> None:
    readable, writable = os.pipe()
    reader = LineReader(readable)
    os.write(writable, b"isre")
    assert reader.arrived() == []
    os.write(writable, b"ady\r\nstop\nla")
    assert reader.arrived() == ["isready", "stop"]
    os.write(writable, b"st")
    os.close(writable)
    assert reader.wait() == "last"
    assert reader.wait() is None
    assert reader.has_ended
    assert reader.arrived() == []
    os.close(readable)
