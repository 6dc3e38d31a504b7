"""`python -m benchmarks.elasticity`: a day on a cluster that follows the games, policy by policy.

Simulated (benchmarks/daycurve.py) with the rules that the bot uses. The ideal knows what comes,
boots every node just in time, packs all games tightly and keeps nothing free.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.daycurve import Cluster, Outcome, Policy, simulate
from benchmarks.demand import Demand
from benchmarks.results import write_result
from crabstick.rules.consolidation import FITS_FOR

__all__ = ["main"]

GAME_S: Final = 600
POLICIES: Final = (
    Policy(name="ours: standby 1, gathers", standby=1, fits_for=FITS_FOR),
    Policy(name="gathers at once", standby=1, fits_for=timedelta(0)),
    Policy(name="gathers late", standby=1, fits_for=4 * FITS_FOR),
    Policy(name="never gathers", standby=1, fits_for=None),
    Policy(name="standby 0, gathers", standby=0, fits_for=FITS_FOR),
    Policy(name="standby 3, gathers", standby=3, fits_for=FITS_FOR),
)
COLUMNS: Final = ("policy", "node-hours", "by ideal", "waited", "longest", "moved", "most nodes")


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulates, shows the table, writes the result."""
    options = _parse(arguments)
    demand = Demand(quiet=options.quiet, busy=options.busy, game_s=GAME_S)
    cluster = Cluster(slots=options.slots, boot_s=options.boot, idle_s=options.idle)
    outcomes = {
        policy.name: simulate(
            demand, cluster, policy, seed=options.seed, length_s=round(options.hours * 3600)
        )
        for policy in POLICIES
    }
    _show(outcomes, options)
    path = write_result(
        "elasticity",
        demand=asdict(demand),
        cluster=asdict(cluster),
        seed=options.seed,
        hours=options.hours,
        outcomes={name: {**asdict(one), "ratio": one.ratio} for name, one in outcomes.items()},
    )
    Console().print(f"written to {path}", soft_wrap=True)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.elasticity", description=__doc__)
    parser.add_argument("--busy", type=float, default=40, help="games at once in the busiest hour")
    parser.add_argument("--quiet", type=float, default=2, help="the same in the quietest")
    parser.add_argument("--slots", type=int, default=8, help="games on a node")
    parser.add_argument("--boot", type=int, default=25, help="seconds until a node is there")
    parser.add_argument("--idle", type=int, default=60, help="seconds until an idle one goes")
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(arguments)


def _show(outcomes: dict[str, Outcome], options: argparse.Namespace) -> None:
    ours = next(iter(outcomes.values()))
    table = Table(
        *COLUMNS,
        title=f"{ours.games} games of {GAME_S / 60:g} minutes in {options.hours:g} hours, "
        f"{options.slots} on a node; ideal: {ours.ideal_node_s / 3600:.1f} node-hours",
    )
    for name, one in outcomes.items():
        table.add_row(
            name,
            f"{one.node_s / 3600:.1f}",
            f"{one.ratio:.3f}",
            str(one.waited),
            f"{one.longest_wait_s} s",
            str(one.moved),
            str(one.peak_nodes),
        )
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main())
