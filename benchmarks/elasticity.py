"""`python -m benchmarks.elasticity`: a day on a cluster that scales with games, by policy.

With `--seeds 8` only our policy runs, on eight days. The simulation uses the bot's own rules
(benchmarks/cluster_simulation.py). The ideal has perfect foresight: it boots each node just in
time, packs all games tightly and keeps nothing free.
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.cluster_simulation import Cluster, DayResult, ScalingPolicy, simulate
from benchmarks.demand import Demand
from benchmarks.results import write_result
from crabstick.rules.scaling import FITS_FOR

GAME_S: Final = 720
OURS: Final = ScalingPolicy(name="ours", standby=1, fits_for=FITS_FOR, foresees=True)
POLICIES: Final = (
    OURS,
    replace(OURS, name="gathers late", fits_for=timedelta(minutes=2)),
    replace(OURS, name="never gathers", fits_for=None),
    replace(OURS, name="always 1 standby", foresees=False),
    replace(OURS, name="always 8 standbys", standby=8, foresees=False),
    replace(OURS, name="always 1, never gathers", foresees=False, fits_for=None),
)
COLUMNS: Final = (
    *("", "games", "ideal", "node-hours", "by ideal"),
    *("waited", "longest", "moved", "most nodes"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulates, shows the table, writes the result."""
    options = _parse(arguments)
    demand = Demand(quiet=options.quiet, busy=options.busy, game_s=GAME_S)
    cluster = Cluster(slots=options.slots, boot_s=options.boot, idle_s=options.idle)
    days = [(f"seed {seed}", OURS, seed) for seed in range(1, options.seeds + 1)]
    days = days or [(policy.name, policy, options.seed) for policy in POLICIES]
    outcomes = {
        name: _day(policy, demand, cluster, seed, hours=options.hours)
        for name, policy, seed in days
    }
    _show(outcomes, options)
    path = write_result(
        "elasticity",
        demand=asdict(demand),
        cluster=asdict(cluster),
        seed=options.seed,
        seeds=options.seeds,
        hours=options.hours,
        outcomes={name: {**asdict(one), "ratio": one.ratio} for name, one in outcomes.items()},
    )
    Console().print(f"written to {path}", soft_wrap=True)
    return 0


def _day(
    policy: ScalingPolicy, demand: Demand, cluster: Cluster, seed: int, *, hours: float
) -> DayResult:
    """What the day of this seed costs."""
    length_s = round(hours * 3600)
    games = [*demand.games(random.Random(seed), length_s)]  # noqa: S311 -- no secret
    return simulate(games, cluster, policy, length_s)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.elasticity", description=__doc__)
    parser.add_argument("--busy", type=float, default=100, help="games at once in the busiest hour")
    parser.add_argument("--quiet", type=float, default=5, help="the same in the quietest")
    parser.add_argument("--slots", type=int, default=8, help="games on a node")
    parser.add_argument("--boot", type=int, default=25, help="seconds until a node is there")
    parser.add_argument("--idle", type=int, default=60, help="seconds until an idle one goes")
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=0, help="only our policy, on so many days")
    return parser.parse_args(arguments)


def _show(outcomes: dict[str, DayResult], options: argparse.Namespace) -> None:
    table = Table(
        *COLUMNS,
        title=f"games of {GAME_S / 60:g} minutes in {options.hours:g} hours, "
        f"{options.slots} on a node; in node-hours",
    )
    for name, one in outcomes.items():
        table.add_row(
            name,
            str(one.games),
            f"{one.ideal_node_s / 3600:.1f}",
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
