"""How long Slack waits for an acknowledgement, which comes after the commit. Its limit is 3 s."""

from __future__ import annotations

from collections.abc import Sequence

from tests.benchmarks.table import Row, Target
from tests.fakes.slack import Delivery, FakeSlack
from tests.support.program import Program

WITHIN = Target("at most", 3.0, of="p99")
GIVE_UP_SECONDS = 60.0


async def acknowledgements(fake: FakeSlack, outrider: Program, people: Sequence[str]) -> list[Row]:
    """By both ways, one message after the other and all at once; who writes is known already."""
    await _at_once(fake, people)
    rows: list[Row] = []
    for way, address in (("Socket Mode", ""), ("HTTP", f"{outrider.url}/webhooks/slack")):
        if address:
            await fake.subscribe(address)
        how = f"to the acknowledgement over {way}"
        single = [one for person in people for one in await _at_once(fake, [person])]
        rows.append(Row(f"{how}, one at a time", "s", single, WITHIN))
        rows.append(Row(f"{how}, {len(people)} at once", "s", await _at_once(fake, people), WITHIN))
    fake.courier.request_url = ""
    return rows


async def _at_once(fake: FakeSlack, people: Sequence[str]) -> list[float]:
    """Raises RuntimeError where one had to be delivered again."""
    told = [_says(fake, person) for person in people]
    await fake.until(lambda: all(one.taken for one in told), GIVE_UP_SECONDS)
    if again := [one.reasons for one in told if one.attempts > 1]:
        raise RuntimeError(f"delivered again: {again}")
    return [one.taken - one.left for one in told]


def _says(fake: FakeSlack, person: str) -> Delivery:
    fake.dm(person, "hello")
    return fake.courier.deliveries[-1]
