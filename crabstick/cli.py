"""The command line: reads arguments, calls one command, and turns errors into one sentence.

Only wiring here; what a command does is in `crabstick/commands/`.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from typer.exceptions import TyperException

from actors.ops.address import check_named
from crabstick import __version__
from crabstick.errors import CrabstickError, EnvironmentProblem
from crabstick.settings import Settings, load_settings
from crabstick.signals import blocked_interrupts, listen_for_interrupts
from crabstick.terminal.clocks import parse_clock

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
ToleranceOption = Annotated[
    bool,
    typer.Option("--gcs-fault-tolerance", help="A Ray of its own whose head may die in mid-game."),
]
SmallOption = Annotated[
    bool, typer.Option("--small", help="A Ray of its own without dashboard: half the memory.")
]
WaitOption = Annotated[bool, typer.Option("--wait", help="Return after the last game.")]
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
    gcs_fault_tolerance: ToleranceOption = False,  # noqa: FBT002
    small: SmallOption = False,  # noqa: FBT002
) -> None:
    """Bring the bot up, on a cluster or on a Ray of its own; twice changes nothing."""
    settings = _settings(config, address)
    with blocked_interrupts():  # for the threads that Ray starts
        from crabstick.commands.up import OwnRay  # noqa: PLC0415
        from crabstick.commands.up import up as run  # noqa: PLC0415

    own = OwnRay(gcs_fault_tolerance=gcs_fault_tolerance, small=small)
    run(settings, address, detach=detach, console=console, own=own)


@app.command()
def status(
    config: ConfigOption = None,
    address: AddressOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002
) -> None:
    """Show how the bot stands."""
    settings = _settings(config, address)
    with blocked_interrupts():  # for the threads that Ray starts
        from crabstick.commands.status import status as run  # noqa: PLC0415

    run(settings, address, as_json=as_json, console=console)


@app.command()
def down(
    config: ConfigOption = None,
    address: AddressOption = None,
    wait: WaitOption = False,  # noqa: FBT002
    now: Annotated[bool, typer.Option("--now", help="Resign the running games.")] = False,  # noqa: FBT002
) -> None:
    """Take no more challenges; the running games are played on to their ends.

    Where crabstick has started Ray itself it waits for them, as with --wait.
    """
    if wait and now:
        raise typer.BadParameter(
            "--now gives up the games that --wait would wait for: leave one out"
        )
    settings = _settings(config, address)
    with blocked_interrupts():  # for the threads that Ray starts
        from crabstick.commands.down import Games  # noqa: PLC0415
        from crabstick.commands.down import down as run  # noqa: PLC0415

    games = Games.GIVEN_UP if now else Games.AWAITED if wait else Games.PLAYED_ON
    run(settings, address, games, console)


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
    settings = _settings(config, address)
    with blocked_interrupts():  # for the threads that Ray starts
        from crabstick.commands.drain import drain as run  # noqa: PLC0415

    within = timedelta(seconds=deadline)
    run(settings, node, within, address=address, console=console)


@app.command()
def check(
    manifest: Annotated[
        str | None,
        typer.Argument(help="With --cluster: a file, a kustomize folder, or - for standard input."),
    ] = None,
    config: ConfigOption = None,
    address: AddressOption = None,
    cluster: Annotated[  # noqa: FBT002
        bool, typer.Option("--cluster", help="Check the running Ray cluster, or manifests.")
    ] = False,
) -> None:
    """Check settings, token, account and engine, or a cluster."""

    def say(line: str) -> None:
        console.print(line, soft_wrap=True, markup=False)

    if not cluster:
        if manifest is not None or address is not None:
            word = "--address" if manifest is None else manifest
            raise typer.BadParameter(f"{word} is for `crabstick check --cluster` only")
        from crabstick.commands.check import check as run  # noqa: PLC0415

        run(load_settings(config), say)
    elif manifest is not None:
        if address is not None:
            raise typer.BadParameter("a manifest runs nowhere yet: leave --address or it out")
        from crabstick.commands.check import check_manifests  # noqa: PLC0415

        check_manifests(load_settings(config), manifest, is_named=config is not None, say=say)
    else:
        settings = _settings(config, address)
        from crabstick.commands.check import check_cluster  # noqa: PLC0415

        check_cluster(settings, address, say)


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


def _settings(config: Path | None, address: str | None) -> Settings:
    """What a person wrote is judged at once: to import Ray takes seconds."""
    check_named(address, os.environ)
    return load_settings(config)


def main() -> None:
    """Runs the program, and ends the process.

    The exit status is 2 for a wrong wish, 1 for what is in the way, 130 after an interrupt.
    """
    listen_for_interrupts()
    try:
        sys.exit(app(standalone_mode=False))
    except CrabstickError as error:
        _refuse(str(error), error.exit_status)
    except TyperException as error:
        _refuse(_usage(error), error.exit_code)
    except typer.Abort as error:  # at a question
        if not isinstance(error.__context__, KeyboardInterrupt):
            _refuse("there was no answer, so nothing changed", EnvironmentProblem.exit_status)
        sys.exit(INTERRUPTED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _usage(error: TyperException) -> str:
    """One line, as all our errors are; empty when the help was shown instead."""
    words = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    place = f" (see {context.command_path} --help)" if words and context else ""
    return f"{words[:1].lower()}{words[1:]}{place}"


def _refuse(sentence: str, status: int) -> NoReturn:
    if sentence:
        typer.echo(f"crabstick: {sentence}", err=True)
    sys.exit(status)
