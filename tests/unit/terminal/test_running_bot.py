"""Following a bot while another command replaces or ends it."""

import pytest

from actors.cluster import ActorAway
from actors.messages import Statistics
from crabstick.terminal import running_bot
from tests.unit.virtual_time import virtual_loop

STATISTICS = Statistics(bot="crabby", fingerprint="f")


class Managers:
    """The WorkerSets of a bot, second by second: + is there, - is not, ? the GCS is away."""

    def __init__(self, story: str) -> None:
        self._story = story
        self._began_s = virtual_loop().time()

    async def find(self, _namespace: str) -> "Managers | None":
        second = int(virtual_loop().time() - self._began_s)
        now = self._story[min(second, len(self._story) - 1)]
        if now == "?":
            raise ActorAway("Ray's GCS does not answer")
        return self if now == "+" else None

    async def statistics(self, _patience: object) -> Statistics:
        return STATISTICS


@pytest.mark.parametrize(
    ("story", "until_s"),
    [
        pytest.param("++--++-", 6 + 10, id="new settings replace the WorkerSet"),
        pytest.param("++??++-", 6 + 10, id="the head is away"),
        pytest.param("+-", 1 + 10, id="the bot is shut down"),
        pytest.param("+-?", 1 + 10, id="the cluster ends with the bot"),
    ],
)
async def test_a_bot_is_followed_until_it_has_been_gone_for_a_while(
    monkeypatch: pytest.MonkeyPatch, story: str, until_s: float
) -> None:
    monkeypatch.setattr(running_bot, "find_worker_set", Managers(story).find)
    began_s = virtual_loop().time()
    drawn: list[Statistics] = []
    await running_bot.show("crabstick", drawn.append)
    assert drawn
    assert virtual_loop().time() - began_s == pytest.approx(until_s, abs=1)
