import asyncio
import json

import pytest

from bots.http.stream import EventStream, event, unless_gone


def test_an_event_is_one_line_whatever_the_text():
    text = 'a\nb\r\n"c" \u2028 é'
    assert event({"t": text}, "x").splitlines(keepends=False)[0] == "event: x"
    body = event({"t": text})
    assert body.startswith("data: ")
    assert body.count("\n") == 2
    assert body.endswith("\n\n")


@pytest.mark.parametrize("mark", ["\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c"])
def test_no_line_of_any_reader_ends_inside_an_event(mark):
    first, *rest = event({"t": f"a{mark}é"}).splitlines()
    assert rest == [""]
    assert json.loads(first.removeprefix("data: ")) == {"t": f"a{mark}é"}
    assert "é" in first


class Client:
    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.got: list[bytes] = []
        self.came = asyncio.Event()

    async def receive(self):
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.got.append(message.get("body", b""))
        if message.get("body"):
            self.came.set()


async def test_a_stream_ends_by_itself_without_a_hangup():
    client, hangups = Client(), []

    async def events():
        yield "one"

    async def hangup():
        hangups.append(1)

    await EventStream(events(), hangup)({}, client.receive, client.send)
    assert b"".join(client.got) == b"one"
    assert hangups == []


async def test_a_reader_that_leaves_closes_the_source_and_is_told_on():
    client, order = Client(), []

    async def events():
        try:
            yield "one"
            await asyncio.Event().wait()
        finally:
            order.append("closed")

    async def hangup():
        await asyncio.sleep(0)  # would fail if the cancellation still went on
        order.append("hangup")

    response = EventStream(events(), hangup)
    running = asyncio.create_task(response({}, client.receive, client.send))
    await client.came.wait()
    client.left.set()
    await running
    assert order == ["closed", "hangup"]


async def test_what_goes_wrong_in_the_work_is_raised():
    async def work():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await unless_gone(Client().receive, work())
