"""`crabstick up`: starts the bot, on the named cluster or on a Ray of its own, and follows it.

Idempotent. A Ray of its own has a supervisor, which restarts it and the bot when it dies. This
process imports no Ray: children of it deploy the bot and follow it. Ctrl-C ends what this `up`
began: the first one stops challenges and waits for the games, the second ends Ray. An `up` that
began nothing only stops following.
"""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

from rich.console import Console
from rich.live import Live

from actors.local_ray.local_cluster import ClusterFiles, LocalCluster
from actors.local_ray.ports import require_free
from actors.local_ray.process_ref import ProcessRef
from actors.local_ray.supervisor import STOP_LIMIT, Plan, supervise
from actors.messages import ActorConfig, Statistics
from actors.ops.fingerprint import actor_config
from crabstick.check.local_checks import (
    identify,
    lacking_variants,
    sources,
    try_engines,
    wrong_options,
)
from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.settings import Settings, given_token, read_token
from crabstick.settings.changes import changes
from crabstick.signals import deferred_interrupt
from crabstick.terminal.bot_deployer import COMMAND, BotDeployer, bot_deployer, print_addresses
from crabstick.terminal.child_process import end_child
from crabstick.terminal.find_cluster import (
    BotCluster,
    end_local,
    find_cluster,
    game_cpus,
    named_cluster,
    require_cluster,
    require_one_token,
    require_only_one,
    wait_restarted,
)
from crabstick.terminal.live_table import render_table
from crabstick.terminal.observer_process import ObserverTask, run_observer


def up(
    settings: Settings, address: str | None, *, detach: bool, small: bool, console: Console
) -> None:
    """Starts the bot and follows it unless `detach`; starts a local Ray if there is none.

    Raises:
        ConfigError: a setting, the token or a switch is wrong.
        EnvironmentProblem: Lichess, the engine or the cluster prevents the start.
    """
    named = named_cluster(address)
    if named and small:
        raise ConfigError(
            f"--small is for a Ray cluster that crabstick starts itself, and {named} is another: "
            "leave the switch out; that cluster keeps what it was started with"
        )
    if named:
        cluster = _deploy_on(named, settings, console)
    elif not detach and (running := _running_without_token(settings, console)):
        cluster = running
    else:
        cluster = _deploy_locally(settings, _plan(settings, small=small), console)
    if not detach:
        follow(settings, cluster, console)


def reload(settings: Settings, address: str | None, console: Console) -> None:
    """Has the running bot go on with changed settings; raises as `up`, and when no bot runs."""
    require_cluster(settings, address)
    up(settings, address, detach=True, small=False, console=console)


def _running_without_token(settings: Settings, console: Console) -> BotCluster | None:
    """The only bot that runs here, if this terminal has no token of it or of another bot."""
    if given_token(settings) or not ClusterFiles.of_living(settings.cluster.namespace):
        return None
    cluster = find_cluster(settings, None)
    if cluster is not None and cluster.files is not None:
        bot = cluster.files.load_config().get("bot")
        console.print(f"no token here: only following {bot}, which runs already")
    return cluster


def _plan(settings: Settings, *, small: bool) -> Plan:
    profile = "small" if small else "full"
    return Plan(cpus=game_cpus(settings), profile=profile, deployer=COMMAND)


def _deploy_on(address: str, settings: Settings, console: Console) -> BotCluster:
    """Deploys the bot on a cluster that somebody else has started."""
    with bot_deployer(is_local=False) as deployer:
        config = actor_config(settings, identify(settings).name)
        _deploy(settings, deployer, address, config, console)
    return BotCluster(address=address)


def _deploy_locally(settings: Settings, plan: Plan, console: Console) -> BotCluster:
    """Deploys the bot on a Ray of its own; Ray starts while token and engine are tried."""
    token = read_token(settings).get_secret_value()
    files = ClusterFiles.of(settings.cluster.namespace, token)
    with files.locked(console.print), ExitStack() as undo:
        found, supervisor = _find_running(files, plan, console), None
        if found is None:
            if settings.http.enabled:
                require_free(settings.http.host, settings.http.port)
            require_only_one(files)
            console.print("starting Ray on this machine …")
            with deferred_interrupt():
                supervisor = supervise(files, plan)
                undo.callback(_end_start, files, supervisor)
            require_only_one(files, ProcessRef.of(supervisor.pid))
        with bot_deployer(is_local=True) as deployer:
            config = _tried(settings, files)
            local = found or _wait_up(files, supervisor)
            _deploy(settings, deployer, local.address, config, console)
        files.save_config(config.pack())
        undo.pop_all()
    return BotCluster(address=local.address, files=files, is_new=found is None)


def _find_running(files: ClusterFiles, plan: Plan, console: Console) -> LocalCluster | None:
    """The bot's Ray, if it runs; gives it a supervisor, and ends what a killed command has left.

    Raises:
        EnvironmentProblem: it was started with another profile than the one that is wanted.
    """
    local = files.load()
    if local is not None and local.is_supervised and not local.is_ready:
        console.print("Ray is being started here already; waiting for it …")
        local = wait_restarted(files)
    if local is None or not local.is_ready:
        end_local(files)
        return None
    if plan.profile == "small" != local.profile:
        raise EnvironmentProblem(
            "the Ray cluster that runs here was started without --small: end it first "
            "(`crabstick down`)"
        )
    if local.is_supervised:
        return local
    return _wait_up(files, supervise(files, replace(plan, profile=local.profile)))


def _tried(settings: Settings, files: ClusterFiles) -> ActorConfig:
    """The bot's config, when its token, its engine and its files have been tried."""
    with ThreadPoolExecutor() as threads:
        engines = threads.submit(try_engines, settings, settings.demands())
        for finding in sources(settings):
            if finding.problem:
                raise ConfigError(finding.words)
        bot = identify(settings).name
        require_one_token(files, bot)
        tried = engines.result()
    for one in tried.values():
        if isinstance(one, ConfigError):
            raise one
    for finding in wrong_options(settings, tried):
        raise ConfigError(finding.words)
    return actor_config(settings, bot, lacking_variants(settings, tried))


def _wait_up(files: ClusterFiles, supervisor: "subprocess.Popen[str] | None") -> LocalCluster:
    """Returns the cluster that a supervisor has started.

    Raises:
        EnvironmentProblem: Ray does not come up.
    """
    stdout = supervisor.stdout if supervisor is not None else None
    line = stdout.readline() if stdout is not None else ""
    news = json.loads(line) if line else {}
    local = files.load()
    if local is None or "error" in news or not news:
        raise EnvironmentProblem(news.get("error") or f"Ray did not start: see {files.path('log')}")
    return local


def _end_start(files: ClusterFiles, supervisor: "subprocess.Popen[str]") -> None:
    with deferred_interrupt():
        end_child(supervisor, STOP_LIMIT)
        end_local(files)


def _deploy(
    settings: Settings, deployer: BotDeployer, address: str, config: ActorConfig, console: Console
) -> None:
    done = deployer.deploy(address, config, lambda: console.print(f"{config.bot} plays"))
    print_addresses(settings, done.dashboard, console)
    if done.before is None:
        console.print(f"{config.bot} was up already; nothing changed")
        return
    for line in changes(done.before.settings, settings) if done.before.bot else ():
        console.print(line, soft_wrap=True)
    but = f", but {done.problem}" if done.problem else ""
    console.print(f"{config.bot} is up{but}", soft_wrap=True)


def follow(settings: Settings, cluster: BotCluster, console: Console) -> None:
    """Shows the games until Ctrl-C or until the bot is gone."""
    namespace = settings.cluster.namespace
    try:
        while not _show_games(namespace, cluster, console):
            restarted = _wait_for_restart(settings, cluster, console)
            if restarted is None:
                break
            cluster = restarted
    except KeyboardInterrupt:
        if not cluster.is_new:
            console.print("no longer following; the bot goes on (`crabstick down` ends it)")
    else:
        console.print("the bot was shut down")
    if cluster.is_new and cluster.files is not None:
        with cluster.files.locked(lambda _: None):
            _wait_and_end(namespace, cluster, cluster.files, console)


def _show_games(namespace: str, cluster: BotCluster, console: Console) -> bool:
    """Returns True when the bot is gone, and False when its Ray is."""
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def draw(message: object) -> None:
            live.update(render_table(Statistics.read(message)), refresh=True)

        return run_observer(ObserverTask.SHOW, cluster, namespace, draw)


def _wait_for_restart(
    settings: Settings, cluster: BotCluster, console: Console
) -> BotCluster | None:
    """Waits for the supervisor's work; None when another command has ended the bot."""
    files, local = cluster.files, cluster.local
    if files is None or local is None or not files.load_config():
        return None
    has_died = cluster.is_lost
    if has_died:
        console.print("Ray died; restarting it, and then the games …")
    if not local.is_supervised:
        _supervise_again(files, _plan(settings, small=local.profile == "small"), console)
    again = wait_restarted(files)
    if again is None:
        return None
    if has_died:
        console.print("the bot plays again")
    return replace(cluster, address=again.address)


def _supervise_again(files: ClusterFiles, plan: Plan, console: Console) -> None:
    """Starts a supervisor instead of one that died, unless another command has done so."""
    with files.locked(console.print):
        local = files.load()
        if local is not None and not local.is_supervised:
            _wait_up(files, supervise(files, plan))


def _wait_and_end(
    namespace: str, cluster: BotCluster, files: ClusterFiles, console: Console
) -> None:
    """Stops challenges; ends the cluster after the last game or at the next Ctrl-C."""
    try:
        local = wait_restarted(files)  # Ray may have died a moment before the Ctrl-C
        if local is not None:
            files.save_config({})  # if Ray dies now, the bot is not restarted
            _wait_for_games(namespace, replace(cluster, address=local.address), console)
    except KeyboardInterrupt:
        console.print("the games that still run are given up: they run out of time")
    finally:
        cluster.end(console.print)


def _wait_for_games(namespace: str, cluster: BotCluster, console: Console) -> None:
    while not cluster.is_lost:
        if run_observer(ObserverTask.WAIT_FOR_GAMES, cluster, namespace, console.print):
            return
    console.print("the bot's Ray died: the games that still run run out of time")
