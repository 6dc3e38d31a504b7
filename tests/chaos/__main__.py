"""`python -m tests.chaos`: no game is ever lost, whatever fails.

A local Lichess, the bot, opponents that never stop, and a seeded schedule of faults: first on a Ray
cluster of several nodes on this machine, then with a plain `crabstick up`. At the end the server's
ledger is judged, and a table shows what each kind of fault cost. The exit status is 1 when a
promise was broken.
"""

import argparse
import asyncio
import json
import random
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Final

from rich.console import Console

from crabstick.errors import CrabstickError
from tests.chaos.chaos_cluster import BOT, cluster, one_machine
from tests.chaos.fault_kinds import FAULT_KINDS, SHORT_RUN, kind_of
from tests.chaos.networks import in_namespaces, lasting_folder
from tests.chaos.run import Run, Story
from tests.chaos.schedule import schedule
from tests.chaos.table import show
from tests.chaos.verdict import judge

SPARE: Final = 10
"""For every ten faults one more, in place of a fault that cannot be injected in its turn."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs, shows the table, and returns the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    given = sys.argv[1:] if arguments is None else arguments
    options = _parse(given)
    try:
        status = in_namespaces([*given, "--seed", str(options.seed)])
    except KeyboardInterrupt:
        return 130
    if status is not None:
        return status
    console = Console(width=None if sys.stdout.isatty() else 140)
    try:
        is_good = _run(options, console)
    except CrabstickError as error:
        console.print(f"chaos: {error}", soft_wrap=True, markup=False)
        is_good = False
    except KeyboardInterrupt:
        return 130
    if not is_good:
        console.print(f"once more the same: --seed {options.seed} --faults {options.faults}")
    return 0 if is_good else 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--games", type=int, default=100, help="that are played, at least")
    parser.add_argument("--at-once", type=int, default=4, help="games")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument(
        "--minutes", type=float, default=120, help="for the faults of each rig, at most"
    )
    parser.add_argument("--short", action="store_true", help="only quick faults")
    parser.add_argument("--kind", action="append", default=[], help="only these, repeatable")
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace, console: Console) -> bool:
    def print_line(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    wanted = options.kind or (SHORT_RUN if options.short else [kind.name for kind in FAULT_KINDS])
    kinds = [kind_of(name) for name in wanted]
    print_line(f"seed {options.seed}")
    story = Story()
    drawn = schedule(options.seed, options.faults + options.faults // SPARE, kinds)
    for start in (cluster, one_machine):
        mine = [one for one in drawn if one.kind.is_on_one_machine is (start is one_machine)]
        most = sum(one.number <= options.faults for one in mine)
        if not most:
            continue
        with start(options.at_once) as ready:
            run = Run(
                cluster=ready,
                injections=mine,
                max_faults=most,
                games=options.games - len(story.ledger["games"]),
                seed=options.seed,
                limit=timedelta(minutes=options.minutes),
                print_line=print_line,
            )
            asyncio.run(run.play(story))
    verdict = judge(story.ledger, story.intended, story.faults, BOT)
    injected = {fault.kind for fault in story.faults}
    never = {kind: why for kind, why in story.missed.items() if kind not in injected}
    show(story.faults, verdict, {**never, **story.impossible}, console)
    for kind in sorted(never):
        print_line(f"BROKEN: {kind} was scheduled and never injected")
    too_few = verdict.games < options.games
    if too_few:
        print_line(f"BROKEN: only {verdict.games} of {options.games} games were played")
    if not verdict.is_good:
        path = lasting_folder() / f"crabstick-chaos-{options.seed}.json"
        path.write_text(json.dumps(asdict(story)), encoding="utf-8")
        print_line(f"everything that happened is in {path}")
    too_calm = len(story.faults) * 2 < options.faults
    if too_calm:
        print_line(f"BROKEN: only {len(story.faults)} of {options.faults} faults were injected")
    return verdict.is_good and not (never or too_few or too_calm)


if __name__ == "__main__":
    sys.exit(main())
