from __future__ import annotations

from inspect import signature

import pytest

from assistant.channel import Channel, Look
from assistant.messages import ChatRef
from inference.api import Delta
from inference.errors import EngineUnavailable
from tests.faults.matrix import plant as module
from tests.faults.matrix.plant import Plant, Planted, resolve
from tests.faults.matrix.points import POINTS

HERE = "tests.faults.matrix.test_plant"


class Counter:
    """Something to plant in."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def take(self, delta: Delta) -> None:
        self.calls.append(delta.text)

    async def wait(self, given: object) -> object:
        self.calls.append("wait")
        return given


class Writer:
    """Takes an edit as a channel does."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    async def edit(self, chat: ChatRef, message_id: str, look: Look) -> None:
        self.shown.append(look.text)


@pytest.fixture
def struck() -> list[str]:
    return []


@pytest.mark.parametrize("channel", ["telegram", "slack"])
@pytest.mark.parametrize("point", [one for one in POINTS if one.plant], ids=lambda one: one.name)
def test_each_plant_finds_its_place(point: module.Plant, channel: str) -> None:
    place, name = resolve(point.plant.target, channel)
    assert callable(getattr(place, name))


def test_it_strikes_before_the_call_that_counts_and_leaves_the_others_alone(
    struck: list[str],
) -> None:
    plant = Plant(f"{HERE}:Counter.take", "before", nth=2, only="text", deed="skip")
    planted = Planted(plant, "telegram", lambda: struck.append("now"))
    counter = Counter()
    for text in ("one", "", "two", "three"):
        counter.take(Delta(text))
    planted.clear()
    counter.take(Delta("four"))
    assert counter.calls == ["one", "", "three", "four"]
    assert struck == ["now"]


@pytest.mark.parametrize(("only", "at"), [("growing", "Once upon"), ("final", "Once upon a time.")])
async def test_it_knows_the_edits_that_count_by_their_look(
    struck: list[str], only: str, at: str
) -> None:
    assert list(signature(Writer.edit).parameters) == list(signature(Channel.edit).parameters)
    plant = Plant(f"{HERE}:Writer.edit", only=only, deed="fail")
    planted = Planted(plant, "telegram", lambda: struck.append("now"))
    writer = Writer()
    with pytest.raises(EngineUnavailable):
        for text, final in (("", False), ("Once upon", False), ("Once upon a time.", True)):
            await writer.edit(ChatRef("telegram", "main", "1"), "7", Look(text, 1, final))
    planted.clear()
    assert writer.shown[-1] == at


async def test_it_strikes_after_a_call_whose_result_counts(struck: list[str]) -> None:
    plant = Plant(f"{HERE}:Counter.wait", only="something", deed="fail")
    planted = Planted(plant, "telegram", lambda: struck.append("now"))
    counter = Counter()
    assert await counter.wait(None) is None
    with pytest.raises(EngineUnavailable):
        await counter.wait(1)
    assert await counter.wait(1) == 1
    planted.clear()
    assert counter.calls == ["wait"] * 3
    assert struck == ["now"]
