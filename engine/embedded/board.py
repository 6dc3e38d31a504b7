"""A chess position that can be played forwards and backwards.

The board is a list of 64 pieces with a set of occupied squares per colour. `make` keeps the hash
key, the evaluation sum and the check flag up to date; `unmake` restores them from a stack.

Speed rules this file: `make` and `unmake` are long because a call costs as much as three look-ups.
Two insights keep them cheap. A move changes who attacks a king only along the lines through the
squares that it touched. And en passant is noted only when a pawn stands ready to take, so that
equal positions have equal keys.
"""

from typing import NamedTuple, Self

from engine.embedded.geometry import (
    BETWEEN,
    EMPTY,
    KING,
    KNIGHT,
    LINE_SLIDER,
    LINES,
    PAWN,
    PAWN_HITS,
    QUEEN,
    REACH,
    ROOK,
    WHITE,
    Squares,
)
from engine.embedded.keys import EN_PASSANT_KEYS, PIECE_KEYS, RIGHTS_KEYS, TURN_KEY
from engine.embedded.moves import (
    CASTLING,
    DOUBLE_STEP,
    EN_PASSANT,
    NO_MOVE,
    SORT_SHIFT,
    castling_targets,
)
from engine.embedded.worth import WORTH, worth_of

FIFTY_MOVES = 100
"""Plies without capture or pawn move after which the game is drawn."""


class Castling(NamedTuple):
    """One castling of the starting position; its right may be lost since."""

    right: int
    colour: int
    king_from: int
    rook_from: int
    must_be_empty: Squares
    must_be_safe: Squares


class Position:
    """A position with its past.

    Attributes:
        board: the piece on each square.
        castlings: the castlings of the starting position.
        pieces: the occupied squares by colour.
        kings: the king's square by colour.
        turn: WHITE or BLACK, the side to move.
        rights: castling rights; white king's side 1, queen's side 2, black's 4 and 8.
        en_passant: the square behind a pawn that can now be taken in passing; 0 for none.
        quiet_plies: plies since the last capture or pawn move.
        full_moves: the number of the current move, as in FEN.
        checked: whether the side to move is in check.
        key: a 61-bit hash of all that repetition compares.
        worth: the packed evaluation sum, see `worth`.
    """

    __slots__ = (
        "_past",
        "_rights_kept",
        "board",
        "castlings",
        "checked",
        "en_passant",
        "full_moves",
        "key",
        "keys",
        "kings",
        "pieces",
        "quiet_plies",
        "rights",
        "turn",
        "worth",
    )

    def __init__(self, board: list[int], castlings: tuple[Castling, ...]) -> None:
        self.board = board
        self.castlings = castlings
        self.pieces: tuple[set[int], set[int]] = (set(), set())
        self.kings = [0, 0]
        self.turn = WHITE
        self.rights = 0
        self.en_passant = 0
        self.quiet_plies = 0
        self.full_moves = 1
        self.checked = False
        self.key = 0
        self.worth = worth_of(board)
        self.keys: list[int] = []
        self._past: list[tuple[int, int, int, int, int, bool, int]] = []
        self._rights_kept = [15] * 64
        for castling in castlings:
            self.rights |= castling.right
            self._rights_kept[castling.king_from] &= ~castling.right
            self._rights_kept[castling.rook_from] &= ~castling.right
        for square, piece in enumerate(board):
            if piece != EMPTY:
                self.pieces[piece >> 3].add(square)
            if piece & 7 == KING:
                self.kings[piece >> 3] = square

    def copy(self) -> Self:
        """Makes an independent position with the same past."""
        twin = type(self)(self.board.copy(), self.castlings)
        twin.turn, twin.rights, twin.en_passant = self.turn, self.rights, self.en_passant
        twin.quiet_plies, twin.full_moves = self.quiet_plies, self.full_moves
        twin.checked, twin.key = self.checked, self.key
        twin.keys, twin._past = self.keys.copy(), self._past.copy()  # noqa: SLF001 (our own twin)
        return twin

    def refresh(self) -> None:
        """Recomputes the check flag and the key after the other attributes were set by hand."""
        self.checked = self.is_attacked(self.kings[self.turn], 1 - self.turn)
        self.key = self.computed_key()

    def computed_key(self) -> int:
        """Computes the hash key from scratch."""
        key = RIGHTS_KEYS[self.rights] ^ EN_PASSANT_KEYS[self.en_passant]
        if self.turn != WHITE:
            key ^= TURN_KEY
        for squares in self.pieces:
            for square in squares:
                key ^= PIECE_KEYS[self.board[square]][square]
        return key

    def is_attacked(self, square: int, by: int) -> bool:
        """Tells whether a piece of colour `by` attacks a square."""
        board = self.board
        for origin in self.pieces[by]:
            if REACH[board[origin]][origin << 6 | square]:
                for between in BETWEEN[origin << 6 | square]:
                    if board[between]:
                        break
                else:
                    return True
        return False

    def _is_hit_along(self, line: int, colour: int) -> bool:
        """Tells whether a slider of a colour (0 or 8) looks down a line (see `LINES`) to its start.

        The line is empty, and nothing looks down it, when the two squares share none.
        """
        for square in LINES[line]:
            piece = self.board[square]
            if piece:
                return piece in (LINE_SLIDER[line] | colour, QUEEN | colour)
        return False

    def make(self, move: int) -> bool:  # noqa: C901, PLR0912, PLR0915 (see above)
        """Plays a pseudo-legal move.

        Returns:
            False if it would leave the own king attacked; then nothing has changed.
        """
        board, us = self.board, self.turn
        source, target, sort = move & 63, move >> 6 & 63, move >> SORT_SHIFT
        if sort == CASTLING:
            return self._castle(move)
        colour, enemy = us << 3, (1 - us) << 3
        piece, captured = board[source], board[target]
        kind = piece & 7
        placed = move >> 12 & 7 | colour if move >> 12 & 7 else piece
        self._remember(move, captured)
        key = self.key ^ TURN_KEY ^ EN_PASSANT_KEYS[self.en_passant]
        self.en_passant = 0
        own, other = self.pieces[us], self.pieces[1 - us]
        board[source] = EMPTY
        board[target] = placed
        own.remove(source)
        own.add(target)
        key ^= PIECE_KEYS[piece][source] ^ PIECE_KEYS[placed][target]
        self.worth += WORTH[placed][target] - WORTH[piece][source]
        if captured:
            other.remove(target)
            key ^= PIECE_KEYS[captured][target]
            self.worth -= WORTH[captured][target]
            self.quiet_plies = 0
        elif kind == PAWN:
            self.quiet_plies = 0
            if sort == DOUBLE_STEP:
                behind = (source + target) >> 1
                for neighbour in PAWN_HITS[us][behind]:
                    if board[neighbour] == PAWN | enemy:
                        self.en_passant = behind
                        key ^= EN_PASSANT_KEYS[behind]
                        break
            elif sort == EN_PASSANT:
                victim = target ^ 8
                board[victim] = EMPTY
                other.remove(victim)
                key ^= PIECE_KEYS[PAWN | enemy][victim]
                self.worth -= WORTH[PAWN | enemy][victim]
        else:
            self.quiet_plies += 1
        if kind == KING:
            self.kings[us] = target
        if self.rights:
            kept = self.rights & self._rights_kept[source] & self._rights_kept[target]
            key ^= RIGHTS_KEYS[self.rights] ^ RIGHTS_KEYS[kept]
            self.rights = kept
        self.key = key
        self.full_moves += us
        self.turn = 1 - us
        king = self.kings[us]
        if kind == KING or sort == EN_PASSANT or self.checked:
            exposed = self.is_attacked(king, 1 - us)
        else:
            exposed = self._is_hit_along(king << 6 | source, enemy)
        if exposed:
            self.unmake()
            return False
        king = self.kings[1 - us]
        if sort == EN_PASSANT:
            self.checked = self.is_attacked(king, us)
        else:
            kind = placed & 7
            self.checked = (
                (kind <= KNIGHT and bool(REACH[placed][target << 6 | king]))
                or self._is_hit_along(king << 6 | target, colour)
                or self._is_hit_along(king << 6 | source, colour)
            )
        return True

    def _remember(self, move: int, captured: int) -> None:
        """Saves what `unmake` cannot work out from the board."""
        self.keys.append(self.key)
        self._past.append(
            (
                move,
                captured,
                self.rights,
                self.en_passant,
                self.quiet_plies,
                self.checked,
                self.worth,
            )
        )

    def _castle(self, move: int) -> bool:
        """Plays a castling; like `make`."""
        self._remember(move, EMPTY)
        us, rights, king_from = self.turn, self.rights, move & 63
        rook_from = move >> 6 & 63
        king_to, rook_to = castling_targets(king_from, rook_from)
        self._put(((king_from, EMPTY), (rook_from, EMPTY)))
        self._put(((king_to, KING | us << 3), (rook_to, ROOK | us << 3)))
        self.kings[us] = king_to
        self.rights &= self._rights_kept[king_from]
        self.key ^= TURN_KEY ^ EN_PASSANT_KEYS[self.en_passant]
        self.key ^= RIGHTS_KEYS[rights] ^ RIGHTS_KEYS[self.rights]
        self.en_passant = 0
        self.quiet_plies += 1
        self.full_moves += us
        self.turn = 1 - us
        if self.is_attacked(king_to, 1 - us):
            self.unmake()
            return False
        self.checked = self.is_attacked(self.kings[1 - us], us)
        return True

    def _put(self, changes: tuple[tuple[int, int], ...]) -> None:
        """Sets squares to pieces of the side to move (or EMPTY); keeps key, sum and sets true."""
        own = self.pieces[self.turn]
        for square, piece in changes:
            before = self.board[square]
            if before:
                own.remove(square)
                self.key ^= PIECE_KEYS[before][square]
            if piece:
                own.add(square)
                self.key ^= PIECE_KEYS[piece][square]
            self.worth += WORTH[piece][square] - WORTH[before][square]
            self.board[square] = piece

    def unmake(self) -> None:
        """Takes back the last move (or the last `skip_turn`)."""
        (
            move,
            captured,
            self.rights,
            self.en_passant,
            self.quiet_plies,
            self.checked,
            worth,
        ) = self._past.pop()
        self.turn = us = 1 - self.turn
        self.full_moves -= us
        source, target, sort = move & 63, move >> 6 & 63, move >> SORT_SHIFT
        if sort == CASTLING:
            king_to, rook_to = castling_targets(source, target)
            self._put(((king_to, EMPTY), (rook_to, EMPTY)))
            self._put(((source, KING | us << 3), (target, ROOK | us << 3)))
            self.kings[us] = source
        elif move != NO_MOVE:
            board = self.board
            piece = PAWN | us << 3 if move >> 12 & 7 else board[target]
            board[source] = piece
            board[target] = captured
            own = self.pieces[us]
            own.remove(target)
            own.add(source)
            if captured:
                self.pieces[1 - us].add(target)
            elif sort == EN_PASSANT:
                board[target ^ 8] = PAWN | (1 - us) << 3
                self.pieces[1 - us].add(target ^ 8)
            if piece & 7 == KING:
                self.kings[us] = source
        self.worth = worth
        self.key = self.keys.pop()

    def skip_turn(self) -> None:
        """Passes: only in search, never in check. A repetition is not seen across it."""
        self._remember(NO_MOVE, EMPTY)
        self.key ^= TURN_KEY ^ EN_PASSANT_KEYS[self.en_passant]
        self.en_passant = 0
        self.quiet_plies = 0
        self.full_moves += self.turn
        self.turn = 1 - self.turn

    def is_repeated(self) -> bool:
        """Tells whether this position stood on the board before, since the last lasting move."""
        return self.quiet_plies > 3 and self.key in self.keys[-self.quiet_plies :]  # noqa: PLR2004

    def has_pieces(self) -> bool:
        """Tells whether the side to move owns more than king and pawns."""
        board = self.board
        return any(PAWN < board[square] & 7 < KING for square in self.pieces[self.turn])
