"""What the faults cost, as a table for people: a line for each kind, and what was broken."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from tests.chaos.verdict import Fault, Verdict

MOST_BREACHES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """All faults of one kind together."""

    kind: str
    injected: int
    touched: int
    lost: int
    clock_ms: tuple[float, ...]
    """What each game that was touched lost of its clock, the least first."""
    recovery_s: tuple[float, ...]
    """From the fault's beginning until all was well again, the shortest first."""


def rows(faults: Sequence[Fault], verdict: Verdict) -> list[Row]:
    """One for each kind that was injected, in the order of their first time."""
    return [_row(kind, faults, verdict) for kind in dict.fromkeys(f.kind for f in faults)]


def _row(kind: str, faults: Sequence[Fault], verdict: Verdict) -> Row:
    mine = {fault.number: fault for fault in faults if fault.kind == kind}
    costs = [cost.lost_ms for cost in verdict.costs if cost.fault in mine]
    return Row(
        kind=kind,
        injected=len(mine),
        touched=len(costs),
        lost=sum(number in mine for number in verdict.lost.values()),
        clock_ms=tuple(sorted(costs)),
        recovery_s=tuple(
            sorted(
                (fault.recovered_ms - fault.began_ms) / 1000
                for fault in mine.values()
                if fault.recovered_ms is not None
            )
        ),
    )


def show(
    faults: Sequence[Fault], verdict: Verdict, missed: Mapping[str, str], console: Console
) -> None:
    """Prints everything; `missed` are the kinds that could not be injected, and why."""
    console.print(_table(rows(faults, verdict)))
    console.print(
        f"{len(faults)} faults, {verdict.games} games, {verdict.challenges} challenges, of which "
        f"{verdict.unheard} were over before the bot could hear, "
        f"{verdict.moves} moves of ours; a quiet one took {verdict.usual_ms:.0f} ms"
    )
    for kind, why in missed.items():
        console.print(f"not injected: {kind}: {why}", soft_wrap=True)
    console.print(f"games lost: {len(verdict.lost)}")
    for breach in verdict.breaches[:MOST_BREACHES]:
        console.print(f"BROKEN: {breach.law}: {breach.game} {breach.detail}", soft_wrap=True)
    more = len(verdict.breaches) - MOST_BREACHES
    if more > 0:
        console.print(f"… and {more} more")


def _table(lines: Iterable[Row]) -> Table:
    table = Table(title="games; clock lost in ms, recovery in s", title_justify="left", box=None)
    heads = ("injected", "touched", "lost", "p50", "p95", "max", "recovery p50", "max")
    for head in ("", *heads):
        table.add_column(head, justify="right" if head else "left")
    for row in lines:
        counts = (str(row.injected), str(row.touched), str(row.lost))
        table.add_row(row.kind, *counts, *_clock(row.clock_ms), *_recovery(row.recovery_s))
    return table


def _clock(lost_ms: Sequence[float]) -> Iterator[str]:
    for share in (0.5, 0.95, 1.0):
        yield f"{_at(share, lost_ms):.0f}" if lost_ms else "-"


def _recovery(took_s: Sequence[float]) -> Iterator[str]:
    for share in (0.5, 1.0):
        yield f"{_at(share, took_s):.1f}" if took_s else "-"


def _at(share: float, ordered: Sequence[float]) -> float:
    """The nearest rank: at least that share of the values is not above it."""
    rank = -int(-share * len(ordered) // 1)
    return ordered[max(rank, 1) - 1]
