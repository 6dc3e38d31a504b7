"""Following a bot while another command replaces or ends it."""

from collections.abc import Callable

import pytest

from actors.cluster import ActorAway
from actors.messages import Description, ForeignDescription, Progress, Statistics
from crabstick.terminal import running_bot
from tests.unit.virtual_time import virtual_loop

STATISTICS = Statistics(bot="crabby", fingerprint="f")


class Managers:
    """A bot's actors, second by second: + play, = stand by, - are gone, ? the GCS is away."""

    def __init__(self, story: str) -> None:
        self._story = story
        self._began_s = virtual_loop().time()

    async def find(self, _namespace: str) -> "Managers | None":
        second = int(virtual_loop().time() - self._began_s)
        now = self._story[min(second, len(self._story) - 1)]
        if now == "?":
            raise ActorAway("Ray's GCS does not answer")
        self._phase = "playing" if now == "+" else "standby"
        return self if now in "+=" else None

    async def describe_any(self, _patience: object) -> ForeignDescription:
        return ForeignDescription(phase=self._phase)

    async def games(self, namespace: str) -> list[object]:
        return [game for game in [await self.find(namespace)] if game]

    async def end(self, namespace: str) -> int:
        return len(await self.games(namespace))

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
    monkeypatch.setattr(running_bot, "engine_actors", Managers("-").games)
    began_s = virtual_loop().time()
    drawn: list[Statistics] = []
    await running_bot.show("crabstick", drawn.append)
    assert drawn
    assert virtual_loop().time() - began_s == pytest.approx(until_s, abs=1)


class Player:
    """An actor that plays on until a moment of the virtual clock."""

    def __init__(self, until_s: float) -> None:
        self._until_s = virtual_loop().time() + until_s

    async def describe(self, _patience: object) -> Description:
        is_over = virtual_loop().time() >= self._until_s
        return Description(
            name="engine:1",
            node="n1",
            pid=1,
            fingerprint="f",
            phase="standby" if is_over else "playing",
            game=None if is_over else "abcdefgh",
            progress=Progress(opponent="zeekat", ply=7),
        )


async def test_games_are_shown_to_their_ends_after_the_bot_was_shut_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def actors(_namespace: str) -> list[Player]:
        return [player]

    player, began_s = Player(60), virtual_loop().time()
    monkeypatch.setattr(running_bot, "find_worker_set", Managers("++-").find)
    monkeypatch.setattr(running_bot, "engine_actors", actors)
    drawn: list[Statistics] = []
    await running_bot.show("crabstick", drawn.append)
    assert virtual_loop().time() - began_s == pytest.approx(70, abs=1)
    (game,) = drawn[-1].games
    assert (drawn[-1].bot, game.id, game.opponent, game.ply) == ("crabby", "abcdefgh", "zeekat", 7)


def use(monkeypatch: pytest.MonkeyPatch, story: str) -> Callable[[], float]:
    """The story begins now; returns how many seconds ago that was."""
    bot, began_s = Managers(story), virtual_loop().time()
    monkeypatch.setattr(running_bot, "find_worker_set", bot.find)
    monkeypatch.setattr(running_bot, "engine_actors", bot.games)
    monkeypatch.setattr(running_bot, "end_manager", bot.end)
    return lambda: virtual_loop().time() - began_s


async def test_games_are_awaited_while_the_head_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    age_s = use(monkeypatch, f"??+{'?' * 50}+-")
    said: list[str] = []
    await running_bot.wait_for_games("crabstick", said.append)
    assert age_s() == pytest.approx(54, abs=1)
    assert "waiting for 1 game" in said[0]


async def test_an_actor_that_stands_by_after_its_game_is_no_game(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    age_s = use(monkeypatch, "+++=")
    await running_bot.wait_for_games("crabstick", lambda _: None)
    assert age_s() == pytest.approx(3, abs=1)


async def test_games_are_given_up_after_a_minute_without_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    age_s = use(monkeypatch, "+?")
    with pytest.raises(ActorAway):
        await running_bot.wait_for_games("crabstick", lambda _: None)
    assert age_s() == pytest.approx(1 + 60, abs=1)
