"""A small XBoard engine that plays the first legal move; its arguments are features to send."""

import sys
from collections.abc import Callable

import chess


class FakeXBoard:
    """One conversation on stdin and stdout."""

    def __init__(self) -> None:
        self.board = chess.Board()
        self.answers: dict[str, Callable[[str], str]] = {
            "protover": self.greet,
            "ping": lambda rest: f"pong {rest}",
            "new": self.set_up,
            "setboard": self.set_up,
            "go": self.move,
            "option": lambda rest: f"# set {rest}",
            "post": lambda _: "Error (unknown command): post",
            "quit": sys.exit,
        }

    def greet(self, _: str) -> str:
        features = [*sys.argv[1:], 'ping=1 myname="Crab X" done=1']
        return "\n".join(f"feature {feature}" for feature in features)

    def set_up(self, fen: str) -> str:
        self.board = chess.Board(fen or chess.STARTING_FEN)
        return "# set up"

    def move(self, _: str) -> str:
        move = next(iter(self.board.legal_moves))
        self.board.push(move)
        return f"3 42 10 999 {move}\nmove {move}"

    def other(self, line: str) -> str:
        try:
            self.board.push_uci(line)
        except ValueError:
            is_fraction = line.startswith("level") and "." in line
            return "Error (bad number): level" if is_fraction else "# ignored"
        return "# moved"


def main() -> None:
    fake = FakeXBoard()
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        answer = fake.answers[word](rest) if word in fake.answers else fake.other(line.strip())
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
