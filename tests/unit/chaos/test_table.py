"""The table adds up what the verdict says, and shows everything that was broken."""

import io

from rich.console import Console

from tests.chaos.table import Row, rows, show
from tests.chaos.verdict import Fault, judge
from tests.unit.chaos.ledgers import BOT, GAME, a_fault, a_ledger, a_won_game, intended

KIND = "actor killed, waiting"


def shown(faults: list[Fault], missed: dict[str, str], *, is_lost: bool = False) -> str:
    game = a_won_game() | ({"status": "resign", "winner": "white"} if is_lost else {})
    out = io.StringIO()
    verdict = judge(a_ledger(game), intended(game), faults, BOT)
    show(faults, verdict, missed, Console(file=out, width=140))
    return out.getvalue()


def test_faults_of_one_kind_share_a_row() -> None:
    game = a_won_game((0, 100, 1000, 2000))
    faults = [a_fault(900, 1900, number=1), a_fault(5000, 8000, number=2)]
    other = a_fault(5000, None, number=3, kind="node killed", games=())
    verdict = judge(a_ledger(game), intended(game), [*faults, other], BOT)
    assert rows([*faults, other], verdict) == [
        Row(kind=KIND, injected=2, touched=2, lost=0, clock_ms=(0, 1000), recovery_s=(1, 3)),
        Row(kind="node killed", injected=1, touched=0, lost=0, clock_ms=(), recovery_s=()),
    ]


def test_a_lost_game_is_counted_and_named() -> None:
    output = shown([a_fault()], {}, is_lost=True)
    assert "games lost: 1" in output
    assert f"BROKEN: a game was lost: {GAME}" in output


def test_what_could_not_be_injected_is_told() -> None:
    assert "not injected: node cut off: no namespaces" in shown(
        [], {"node cut off": "no namespaces"}
    )


def test_good_news_are_short() -> None:
    output = shown([a_fault()], {})
    assert "games lost: 0" in output
    assert "BROKEN" not in output
