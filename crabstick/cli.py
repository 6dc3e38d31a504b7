"""The command line: reads arguments, runs one command, and prints an error as one sentence.

Only wiring; the commands themselves are in `crabstick/commands/`.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from typer.exceptions import TyperException

from actors.ops.address import VARIABLE, check_named
from crabstick import __version__
from crabstick.environment import home_folder, secure_streams, spare_loopback
from crabstick.errors import CrabstickError, EnvironmentProblem
from crabstick.settings import Settings, load_settings, settings_source
from crabstick.signals import blocked_interrupts, end_with_stdin, listen_for_interrupts
from crabstick.terminal.arguments import parse_clock, parse_duration, parse_variants

INTERRUPTED = 130

app = typer.Typer(
    name="crabstick",
    help="Hosts a chess engine on Lichess, on a Ray cluster.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(markup=False, emoji=False)  # names and paths may hold [brackets] and :colons:
if not console.is_terminal:
    console.width = 1000  # in a pipe rich assumes 80 columns, and would cut tables

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="The settings file; default: crabstick.yaml, if it exists."),
]
AddressOption = Annotated[
    str | None,
    typer.Option("--address", help="A running Ray cluster, host:port; default: RAY_ADDRESS."),
]
SmallOption = Annotated[
    bool, typer.Option("--small", help="Start a local Ray cluster without dashboard: less memory.")
]
WaitOption = Annotated[bool, typer.Option("--wait", help="Return after the last game.")]
RateLimitsOption = Annotated[
    bool, typer.Option("--rate-limits/--no-rate-limits", help="Enforce Lichess's request limits.")
]
OpponentsOption = Annotated[
    int, typer.Option(min=0, max=64, help="How many accounts challenge the first bot repeatedly.")
]
ClockOption = Annotated[str, typer.Option(help="Seconds + seconds a move.")]
VariantOption = Annotated[
    str, typer.Option(help="A variant of Lichess, such as atomic; all plays each in turn.")
]
PlayerArgument = Annotated[str, typer.Argument(help="The player's name on Lichess.")]
ForOption = Annotated[
    str | None, typer.Option("--for", help="For how long: 30m, 12h or 3d; default: for ever.")
]
UntilStdinEndsOption = Annotated[bool, typer.Option("--until-stdin-ends", hidden=True)]
ChaosOption = Annotated[bool, typer.Option("--chaos", help="Kill an engine actor in mid-game.")]


@app.command()
def up(
    config: ConfigOption = None,
    address: AddressOption = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return when the bot is up.")] = False,
    small: SmallOption = False,
) -> None:
    """Start the bot on a cluster, or on a local Ray cluster. Idempotent."""
    settings = _settings(config, address)
    console.print(f"settings: {settings_source(config)}", soft_wrap=True)
    from crabstick.commands.up import up as run

    run(settings, address, detach=detach, small=small, console=console)


@app.command()
def reload(config: ConfigOption = None, address: AddressOption = None) -> None:
    """Have the running bot go on with changed settings; its games go on, too."""
    settings = _settings(config, address)
    from crabstick.commands.up import reload as run

    run(settings, address, console)


@app.command()
def status(
    config: ConfigOption = None,
    address: AddressOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the state of the bot and its games."""
    settings = _settings(config, address)
    with blocked_interrupts():  # for the threads that Ray starts
        from crabstick.commands.status import status as run

    run(settings, address, as_json=as_json, console=console)


@app.command()
def down(
    config: ConfigOption = None,
    address: AddressOption = None,
    wait: WaitOption = False,
    now: Annotated[bool, typer.Option("--now", help="Resign the running games.")] = False,
) -> None:
    """Stop the bot: no more challenges, and the running games are played to their ends.

    If crabstick started Ray itself, this waits for the games, as with --wait.
    """
    if wait and now:
        raise typer.BadParameter(
            "--now gives up the games that --wait would wait for: leave one out"
        )
    settings = _settings(config, address)
    with blocked_interrupts():  # for the threads that Ray starts
        from crabstick.commands.down import RunningGames
        from crabstick.commands.down import down as run

    games = RunningGames.RESIGN if now else RunningGames.AWAIT if wait else RunningGames.LEAVE
    run(settings, address, games, console)


@app.command()
def dashboard(config: ConfigOption = None) -> None:
    """Print the address of Ray's dashboard, and the token that it asks for."""
    from crabstick.commands.dashboard import dashboard as run

    run(load_settings(config), console)


@app.command()
def drain(
    node: Annotated[str, typer.Argument(help="Its id (or the first digits), address or name.")],
    config: ConfigOption = None,
    address: AddressOption = None,
    deadline: Annotated[
        int, typer.Option(min=1, max=86400, help="Seconds; after that games move in mid-thought.")
    ] = 120,
) -> None:
    """Move a node's games to other nodes, between two moves; then the node leaves."""
    settings = _settings(config, address)
    with blocked_interrupts():  # for the threads that Ray starts
        from crabstick.commands.drain import drain as run

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
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Check the running Ray cluster, or manifests.")
    ] = False,
    challenge: Annotated[
        str | None,
        typer.Option(help='Only say which engine plays it, as in "blitz human black atomic".'),
    ] = None,
) -> None:
    """Check settings, token, account and engine, or a cluster."""

    def say(line: str) -> None:
        console.print(line, soft_wrap=True, markup=False)

    if challenge is not None:
        from crabstick.commands.check import engine_for

        say(engine_for(load_settings(config), challenge))
    elif not cluster:
        if manifest is not None or address is not None:
            word = "--address" if manifest is None else manifest
            raise typer.BadParameter(f"{word} is for `crabstick check --cluster` only")
        from crabstick.commands.check import check as run

        say(f"settings: {settings_source(config)}")
        run(load_settings(config), say)
    elif manifest is not None:
        if address is not None:
            raise typer.BadParameter(
                "a manifest runs nowhere yet: leave out --address or the manifest"
            )
        from crabstick.commands.check import check_manifests

        check_manifests(load_settings(config), manifest, is_named=config is not None, say=say)
    else:
        settings = _settings(config, address)
        say(f"settings: {settings_source(config)}")
        from crabstick.commands.check import check_cluster

        check_cluster(settings, address, say)


@app.command()
def positions(config: ConfigOption = None) -> None:
    """Print what plays each of the positions, and a link to a challenge from there."""
    from crabstick.commands.positions import print_positions

    print_positions(load_settings(config), lambda line: console.print(line, soft_wrap=True))


@app.command()
def why(
    wanted: Annotated[str, typer.Argument(help="Its id, or the challenger's name.")] = "",
    config: ConfigOption = None,
    address: AddressOption = None,
) -> None:
    """Say how the bot answered the last challenges, and why."""
    _order("why", config, address, wanted=wanted)


@app.command()
def block(
    name: PlayerArgument,
    config: ConfigOption = None,
    address: AddressOption = None,
    lasting: ForOption = None,
) -> None:
    """Decline the challenges of a player from now on, also after a restart."""
    _order("block", config, address, name=name, seconds=parse_duration(lasting))


@app.command()
def allow(
    name: PlayerArgument,
    config: ConfigOption = None,
    address: AddressOption = None,
    lasting: ForOption = None,
) -> None:
    """Let a player challenge whatever the settings say, also after a restart."""
    _order("allow", config, address, name=name, seconds=parse_duration(lasting))


@app.command()
def unblock(
    name: PlayerArgument, config: ConfigOption = None, address: AddressOption = None
) -> None:
    """Take back `block` and `allow`."""
    _order("unblock", config, address, name=name)


@app.command()
def challenge(  # noqa: PLR0913 -- a parameter for each option
    name: PlayerArgument,
    clock: Annotated[str, typer.Argument(help="Minutes + seconds a move, such as 3+2.")] = "3+2",
    *,
    config: ConfigOption = None,
    address: AddressOption = None,
    rated: Annotated[bool, typer.Option("--rated", help="For rating; default: casual.")] = False,
    variant: VariantOption = "standard",
    color: Annotated[str | None, typer.Option(help="Ours: white or black; default: any.")] = None,
) -> None:
    """Have the running bot challenge a player, and wait for the answer."""
    (named,) = parse_variants(variant) if variant != "all" else ("",)
    if color not in {None, "white", "black"} or not named:
        raise typer.BadParameter("name one variant, and white or black as the colour")
    words: dict[str, str | int | bool | None] = {
        "name": name,
        "clock": clock,
        "rated": rated,
        "variant": named,
        "color": color,
    }
    _order("challenge", config, address, **words)


@app.command()
def matchmaking(
    action: Annotated[str, typer.Argument(help="start, stop or status.")] = "status",
    config: ConfigOption = None,
    address: AddressOption = None,
) -> None:
    """Start or stop the running bot's own challenges, or say how they go."""
    if action not in {"start", "stop", "status"}:
        raise typer.BadParameter(f"{action!r} is unknown; write start, stop or status")
    _order("matchmaking", config, address, action=action)


@app.command()
def tournament(  # noqa: PLR0913 -- a parameter for each option
    action: Annotated[str, typer.Argument(help="join, leave or list.")] = "list",
    tournament_id: Annotated[str, typer.Argument(metavar="ID", help="As in its address.")] = "",
    *,
    config: ConfigOption = None,
    address: AddressOption = None,
    team: Annotated[str | None, typer.Option(help="The team to play for.")] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="A file with the tournament's password.")
    ] = None,
) -> None:
    """Have the running bot play an arena that allows bots, until its end."""
    if action not in {"join", "leave", "list"} or (action != "list") != bool(tournament_id):
        raise typer.BadParameter("write join ID, leave ID or list")
    file = str(password_file.absolute()) if password_file else None
    words = {"action": action, "id": tournament_id, "team": team, "password_file": file}
    _order("tournament", config, address, **words)


@app.command()
def import_config(
    file: Annotated[Path, typer.Argument(help="The config.yml of lichess-bot or BotLi.")],
    output: Annotated[Path, typer.Option(help="Where to write.")] = Path("crabstick.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace that file.")] = False,
) -> None:
    """Write crabstick.yaml from the settings of lichess-bot or BotLi."""
    from crabstick.commands.import_config import import_config as run

    run(file, output, force=force, console=console)


@app.command()
def init(  # noqa: PLR0913 -- a flag for each question
    *,
    config: ConfigOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file.")] = False,
    token_file: Annotated[str | None, typer.Option(help="A path, or login.")] = None,
    engine: Annotated[str | None, typer.Option(help="A UCI engine, or bundled.")] = None,
    play: Annotated[str | None, typer.Option(help='Such as "atomic, blitz, 15+10".')] = None,
    opponents: Annotated[str | None, typer.Option(help="humans, bots or both.")] = None,
    max_games: Annotated[str | None, typer.Option(help="How many at once.")] = None,
    matchmaking: Annotated[str | None, typer.Option(help="yes or no.")] = None,
) -> None:
    """Ask six questions, and write a commented crabstick.yaml."""
    from crabstick.commands.init import init as run

    flags = (token_file, engine, play, opponents, max_games, matchmaking)
    run(config or Path("crabstick.yaml"), flags, force=force, console=console)


@app.command()
def login(
    config: ConfigOption = None,
    tournaments: Annotated[
        bool, typer.Option("--tournaments", help="Also let the bot join arenas.")
    ] = False,
) -> None:
    """Get the bot's token from Lichess in a browser, and keep it."""
    from crabstick.commands.login import login as run

    run(load_settings(config), console, tournaments=tournaments)


@app.command()
def logout(config: ConfigOption = None) -> None:
    """Revoke the token of `login`, and delete its file."""
    from crabstick.commands.login import logout as run

    run(load_settings(config), console)


@app.command()
def upgrade_account(config: ConfigOption = None) -> None:
    """Make the token's account a BOT account, after a confirmation."""
    from crabstick.commands.upgrade_account import upgrade_account as run

    run(load_settings(config), typer.confirm, console)


@app.command()
def sandbox(  # noqa: PLR0913 -- a parameter for each option
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")] = 8080,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    accounts: Annotated[
        Path | None, typer.Option(help="Accounts and tokens (YAML); default: a bot and opponents.")
    ] = None,
    rate_limits: RateLimitsOption = True,
    opponents: OpponentsOption = 0,
    clock: ClockOption = "60+1",
    variant: VariantOption = "standard",
    until_stdin_ends: UntilStdinEndsOption = False,
) -> None:
    """Serve a Lichess on this machine, for trying a bot out."""
    wanted, variants = parse_clock(clock), parse_variants(variant)
    from crabstick.commands.sandbox import sandbox as run

    if until_stdin_ends:
        end_with_stdin()
    run(
        (host, port),
        accounts_file=accounts,
        rate_limits=rate_limits,
        opponents=(opponents, wanted, variants),
        console=console,
    )


@app.command()
def demo(
    *,
    games: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="How many at once; default: 4, or one of each variant."),
    ] = None,
    clock: ClockOption = "30+0",
    variant: VariantOption = "standard",
    chaos: ChaosOption = False,
    pgn: Annotated[Path, typer.Option(help="The folder for the games.")] = Path("games"),
) -> None:
    """Play real games against sparring partners on a local Lichess, and show them."""
    wanted, variants = parse_clock(clock), parse_variants(variant)
    os.environ["HOME"] = str(home_folder())  # where Ray looks for its token
    with blocked_interrupts():  # for the threads that Ray starts
        from crabstick.commands.demo import DemoPlan
        from crabstick.commands.demo import demo as run

    plan = DemoPlan(
        games=games or max(4, len(variants)), clock=wanted, chaos=chaos, variants=variants
    )
    run(plan, pgn_folder=pgn, console=console)


@app.command()
def version() -> None:
    """Print the version."""
    console.print(f"crabstick {__version__}")


def _order(
    what: str, config: Path | None, address: str | None, **words: str | int | bool | None
) -> None:
    """Has the running bot do something."""
    settings = _settings(config, address)
    with blocked_interrupts():  # for the threads that Ray starts
        from actors.messages import Order
        from crabstick.commands.order import order as run

    run(settings, address, Order(what=what, words=words), console)


def _settings(config: Path | None, address: str | None) -> Settings:
    """Checks address, settings and home before Ray is imported, which takes seconds."""
    check_named(address, os.environ)
    settings = load_settings(config)
    if not (address or os.environ.get(VARIABLE)):
        os.environ["HOME"] = str(home_folder())  # where Ray looks for its token
    return settings


def main() -> None:
    """Runs the program and exits: 0, 2 for wrong input, 1 for other problems, 130 on Ctrl-C."""
    secure_streams()
    spare_loopback(os.environ)
    listen_for_interrupts()
    try:
        sys.exit(app(standalone_mode=False))
    except CrabstickError as error:
        _fail(str(error), error.exit_status)
    except TyperException as error:
        _fail(_usage(error), error.exit_code)
    except typer.Abort as error:  # raised by typer.confirm
        if not isinstance(error.__context__, KeyboardInterrupt):
            _fail("there was no answer, so nothing changed", EnvironmentProblem.exit_status)
        sys.exit(INTERRUPTED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except OSError as error:  # the system lacks or refuses something: a folder, space, a process
        place = f": {error.filename}" if error.filename else ""
        _fail(f"{error.strerror or error}{place}", EnvironmentProblem.exit_status)


def _usage(error: TyperException) -> str:
    """Formats a usage error as one line; empty when the help was shown instead."""
    message = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    place = f" (see {context.command_path} --help)" if message and context else ""
    return f"{message[:1].lower()}{message[1:]}{place}"


def _fail(sentence: str, status: int) -> NoReturn:
    if sentence:
        sys.stderr.write(f"crabstick: {sentence}\n")
    sys.exit(status)
