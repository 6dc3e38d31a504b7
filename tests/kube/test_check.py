"""`crabstick check --cluster` where Ray scales: fine with an autoscaler, a finding without."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from tests.kube.kube_bot import KubeBot, running_bot, until
from tests.kube.namespaces import in_namespaces

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(600)]

PATIENCE_S = 120
GROWS = {"CRABSTICK__CLUSTER__AUTOSCALING": "true"}


def check(bot: KubeBot) -> tuple[int, str]:
    """Exit status and output of the command, run on the head."""
    command = ["python", "-m", "crabstick", "check", "--cluster", f"--config={bot.settings}"]
    done = bot.kube.run_on_head([*command, f"--address={bot.kube.gcs}"], GROWS)
    said, _ = done.communicate(timeout=PATIENCE_S)
    return done.returncode, said


@contextmanager
def frozen_autoscaler() -> Iterator[None]:
    """It lives, and does nothing."""
    found = [each for each in psutil.process_iter() if "kuberay-autoscaler" in each.cmdline()]
    for process in found:
        process.send_signal(signal.SIGSTOP)
    assert found
    try:
        yield
    finally:
        for process in found:
            process.send_signal(signal.SIGCONT)


@in_namespaces
def test_a_cluster_that_scales_is_well_and_one_whose_autoscaler_is_silent_is_not() -> None:
    with running_bot(standby=1) as bot:
        asyncio.run(until(bot.kube.workers, lambda pods: len(pods) == 1))
        asyncio.run(until(lambda: bot.count(STANDBYS), lambda count: count == 1))
        status, said = check(bot)
        assert "autoscaler: v2, and it answers" in said
        assert "plays no games" in said
        assert "code: the same on every node, and here" in said
        assert "Lichess token: on every node" in said
        assert "variables: Ray's own are alike on every node" in said
        assert status == 0, said
        with frozen_autoscaler():
            status, said = check(bot)
        assert "the autoscaler has said nothing for 20 s" in said
        assert status == 1


STANDBYS = 'crabstick_actors{state="standby"}'
