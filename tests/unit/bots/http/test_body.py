import pytest

from bots.http.body import BodyRoom, deadline, read_body
from bots.http.failures import Refused


def source(*messages):
    left = list(messages)

    async def receive():
        return left.pop(0)

    return receive


def part(body, more=True):
    return {"type": "http.request", "body": body, "more_body": more}


GONE = {"type": "http.disconnect"}


async def test_the_body_is_given_once_and_then_what_the_server_says():
    receive = await read_body(
        {"headers": []}, source(part(b"ab"), part(b"c", False), GONE), 3, BodyRoom()
    )
    assert await receive() == part(b"abc", False)
    assert await receive() == GONE


async def test_a_body_over_the_limit_is_refused_as_it_comes():
    with pytest.raises(Refused) as refused:
        await read_body({"headers": []}, source(part(b"abc"), part(b"d")), 3, BodyRoom())
    assert refused.value.status == 413


async def test_a_declared_length_over_the_limit_is_refused_unread():
    scope = {"headers": [(b"content-length", b"4")]}
    with pytest.raises(Refused) as refused:
        await read_body(scope, source(), 3, BodyRoom())
    assert refused.value.status == 413


async def test_a_client_that_leaves_ends_it():
    with pytest.raises(Refused) as refused:
        await read_body({"headers": []}, source(part(b"a"), GONE), 3, BodyRoom())
    assert refused.value.status == 400


def test_a_body_may_take_its_time_as_long_as_it_comes():
    megabit = 125_000
    # 40 MB by 10 Mbit/s, looked at each second; it began at 100.
    assert all(deadline(100, 100 + s, 10 * megabit * s) > 101 + s for s in range(33))
    assert deadline(100, 100, 0) == 130
    # A trickle is given no more for lasting, and much that came buys no long silence.
    assert deadline(100, 129, 29) < 131
    assert deadline(100, 110, 40_000_000) == 140


async def test_bodies_that_are_read_share_a_room_and_give_it_back() -> None:
    room = BodyRoom(most_bytes=4)
    room.take(2)
    with pytest.raises(Refused) as refused:
        await read_body({"headers": []}, source(part(b"ab"), part(b"c")), 9, room)
    assert (refused.value.status, room.held) == (503, 2)
    await read_body({"headers": []}, source(part(b"ab", False)), 9, room)
    assert room.held == 2
