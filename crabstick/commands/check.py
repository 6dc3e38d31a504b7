"""`crabstick check`: checks settings, token, account and engine, a cluster, or manifests."""

from collections.abc import Callable
from importlib.metadata import version
from platform import python_version

from crabstick.check.all_checks import CLUSTER, MACHINE, run
from crabstick.check.local_checks import engine_key, try_engines
from crabstick.check.running_cluster import RunningCluster
from crabstick.errors import ConfigError
from crabstick.explain import counted
from crabstick.rules.challenges import objection_to_all
from crabstick.rules.engine_choice import Traits
from crabstick.rules.variants import start_board
from crabstick.settings import Settings
from crabstick.signals import blocked_interrupts

Say = Callable[[str], None]


def check(settings: Settings, say: Say) -> None:
    """Checks this machine and the account, says a line for each, and raises the first problem.

    Raises:
        ConfigError: a setting, the engine or a token is wrong.
        EnvironmentProblem: Lichess cannot be reached, the account is not a BOT account, or
            another program has the HTTP port.
    """
    run(MACHINE, settings, say)


def engine_for(settings: Settings, challenge: str) -> str:
    """Which engine of the settings would play a challenge that is described in words.

    Raises:
        ConfigError: a word is unknown, or the engine cannot be started.
    """
    try:
        traits = Traits.of_words(challenge.split())
    except ValueError as error:
        raise ConfigError(f"--challenge {challenge}: {error}") from None
    name = settings.engine_for(traits)
    engine = settings.engine_of(name)
    key, which, variant = engine_key(name), engine.path or "the bundled engine", traits.variant
    tried = try_engines(settings, [name])[name]
    if isinstance(tried, ConfigError):
        raise tried
    if not tried.plays(start_board(variant)):
        return f"{key} is for it: {which}, which does not play {variant}: it is declined"
    policies = {is_bot: settings.challenges.policy(is_bot=is_bot) for is_bot in (False, True)}
    if variant not in policies[False].variants | policies[True].variants:
        return f"{key} plays it: {which}; but challenges.variants does not accept {variant}"
    why = objection_to_all(traits, policies)
    return f"{key} plays it: {which}{f'; but the challenge is declined: {why}' if why else ''}"


def check_cluster(settings: Settings, address: str | None, say: Say) -> None:
    """Checks the running cluster; nothing is changed there, and no game is disturbed.

    Raises:
        EnvironmentProblem: there is no cluster, it runs another Ray, or something in it is wrong.
    """
    with blocked_interrupts():  # for the threads that Ray starts
        from actors.ops.cluster_probe import our_code, probe_cluster
        from crabstick.terminal.running_bot import connected
    with connected(settings, address, ", or manifests by `crabstick check --cluster PATH`") as bot:
        nodes, scaling = probe_cluster(settings)
    crabstick, code = our_code()
    seen = RunningCluster(
        settings=settings,
        python=python_version(),
        version=crabstick,
        code=code,
        nodes=nodes,
        scaling=scaling,
        is_own=bot.files is not None,
    )
    here, count = f"Python {seen.python} at {bot.address}", counted(len(nodes), "node")
    say(f"cluster: Ray {version('ray')} with {here}, {count}")
    run(CLUSTER, seen, say)


def check_manifests(settings: Settings, place: str, *, is_named: bool, say: Say) -> None:
    """Checks the manifests at `place` before they are applied.

    Args:
        settings: the bot's, unless the manifests hold its settings themselves.
        place: a file, a kustomize folder, or `-` for standard input.
        is_named: whether the user named the settings, so that they apply in any case.
        say: gets each line.

    Raises:
        ConfigError: something in the manifests is wrong.
        EnvironmentProblem: the target cluster lacks something, such as a Secret, or there is no
            program to render the folder.
    """
    from crabstick.check.manifest_checks import MANIFESTS
    from crabstick.check.manifests import STANDARD_INPUT, at, open_manifests, read_manifests

    objects = read_manifests(place)
    source = "standard input" if place == STANDARD_INPUT else place
    manifests = open_manifests(objects, source, settings, is_named=is_named)
    name = at(manifests.cluster, "metadata.name") or "without a name"
    beside = f", with {counted(len(objects) - 1, 'other object')}" if len(objects) > 1 else ""
    say(f"manifests: the RayCluster {name}{beside}")
    run(MANIFESTS, manifests, say)
