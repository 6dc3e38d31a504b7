"""The command line: reads arguments, calls one command, and turns errors into one sentence.

Only wiring here; what a command does is in `crabstick/commands/`.
"""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from crabstick import __version__
from crabstick.commands.clocks import parse_clock
from crabstick.config import load_settings
from crabstick.errors import CrabstickError
from crabstick.interrupts import blocked_interrupts, listen_for_interrupts

__all__ = ["app", "main"]

INTERRUPTED = 130

app = typer.Typer(
    name="crabstick",
    help="Hosts a chess engine on Lichess, on a Ray cluster.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console()
if not console.is_terminal:
    console.width = 1000  # rich takes 80 and would cut the tables that go through a pipe

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="The settings; default: crabstick.yaml, if there.")
]
AddressOption = Annotated[
    str | None,
    typer.Option("--address", help="A running Ray cluster, host:port; default: RAY_ADDRESS."),
]
RateLimitsOption = Annotated[
    bool, typer.Option("--rate-limits/--no-rate-limits", help="Lichess's request limits.")
]
OpponentsOption = Annotated[
    int, typer.Option(min=0, max=64, help="How many challenge the first bot again and again.")
]
ClockOption = Annotated[str, typer.Option(help="Seconds + seconds a move.")]
UntilStdinEndsOption = Annotated[bool, typer.Option("--until-stdin-ends", hidden=True)]
ChaosOption = Annotated[bool, typer.Option("--chaos", help="Kill an engine actor in mid-game.")]


@app.command()
def up(
    config: ConfigOption = None,
    address: AddressOption = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return when the bot is up.")] = False,  # noqa: FBT002 -- typer's form
) -> None:
    """Bring the bot up, on a cluster or on a Ray of its own; twice changes nothing."""
    with blocked_interrupts():  # for the threads that Ray starts
        from crabstick.commands.up import up as run  # noqa: PLC0415

    run(load_settings(config), address, detach=detach, console=console)


@app.command()
def status(
    config: ConfigOption = None,
    address: AddressOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002
) -> None:
    """Show how the bot stands."""
    with blocked_interrupts():  # for the threads that Ray starts
        from crabstick.commands.status import status as run  # noqa: PLC0415

    run(load_settings(config), address, as_json=as_json, console=console)


@app.command()
def down(
    config: ConfigOption = None,
    address: AddressOption = None,
    now: Annotated[bool, typer.Option("--now", help="Give the running games up.")] = False,  # noqa: FBT002
) -> None:
    """Take no more challenges, and end when the last game is over."""
    with blocked_interrupts():  # for the threads that Ray starts
        from crabstick.commands.down import down as run  # noqa: PLC0415

    run(load_settings(config), address, now=now, console=console)


@app.command()
def drain(
    node: Annotated[str, typer.Argument(help="Its id or the beginning of it, address or name.")],
    config: ConfigOption = None,
    address: AddressOption = None,
    deadline: Annotated[
        int, typer.Option(min=1, max=86400, help="Seconds; then games move in mid-thought.")
    ] = 120,
) -> None:
    """Move a node's games to other nodes, between two moves, and let it leave."""
    with blocked_interrupts():  # for the threads that Ray starts
        from crabstick.commands.drain import drain as run  # noqa: PLC0415

    within = timedelta(seconds=deadline)
    run(load_settings(config), node, within, address=address, console=console)


@app.command()
def check(config: ConfigOption = None) -> None:
    """Check settings, token, account and engine."""
    from crabstick.commands.check import check as run  # noqa: PLC0415

    run(load_settings(config), lambda line: console.print(line, soft_wrap=True))


@app.command()
def upgrade_account(config: ConfigOption = None) -> None:
    """Make the token's account a BOT account, after asking."""
    from crabstick.commands.upgrade_account import upgrade_account as run  # noqa: PLC0415

    run(load_settings(config), typer.confirm, console)


@app.command()
def sandbox(  # noqa: PLR0913 -- a parameter for each option
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8080,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    accounts: Annotated[
        Path | None, typer.Option(help="Accounts and tokens (YAML); default: a bot and opponents.")
    ] = None,
    rate_limits: RateLimitsOption = True,
    opponents: OpponentsOption = 0,
    clock: ClockOption = "60+1",
    until_stdin_ends: UntilStdinEndsOption = False,
) -> None:
    """Serve a Lichess on this machine, for trying things out."""
    wanted = parse_clock(clock)
    from crabstick.commands.sandbox import Place, end_with_stdin  # noqa: PLC0415
    from crabstick.commands.sandbox import sandbox as run  # noqa: PLC0415

    if until_stdin_ends:
        end_with_stdin()
    run(
        Place(host=host, port=port),
        accounts_file=accounts,
        rate_limits=rate_limits,
        opponents=(opponents, wanted),
        console=console,
    )


@app.command()
def demo(
    games: Annotated[int, typer.Option(min=1, max=64, help="How many at once.")] = 4,
    clock: ClockOption = "30+0",
    chaos: ChaosOption = False,  # noqa: FBT002
    pgn: Annotated[Path, typer.Option(help="Where the games are written.")] = Path("games"),
) -> None:
    """Play real games against sparring partners on a local Lichess, and show it."""
    wanted = parse_clock(clock)
    with blocked_interrupts():  # for the threads that Ray starts
        from crabstick.commands.demo import demo as run  # noqa: PLC0415

    run(games=games, clock=wanted, chaos=chaos, pgn_folder=pgn, console=console)


@app.command()
def version() -> None:
    """Print the version."""
    console.print(f"crabstick {__version__}")


def main() -> None:
    """Runs the program; the exit status is 2 for a wrong wish and 1 for a machine in the way."""
    listen_for_interrupts()
    try:
        app()
    except CrabstickError as error:
        typer.echo(f"crabstick: {error}", err=True)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
