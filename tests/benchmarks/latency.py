"""What Outrider itself adds: with an engine that answers at once, from a message to its text."""

from __future__ import annotations

from tests.benchmarks.program import scratch, started
from tests.benchmarks.table import Effort, Row, Table
from tests.benchmarks.web_chat import web_chat
from tests.support.program import Program

MESSAGES = 100
WARM_UP = 10
SCRIPTED = {
    "ENGINE__PROFILE": "scripted",
    "ENGINE__SCRIPTED__FIRST_TOKEN_SECONDS": "0",
    "ENGINE__SCRIPTED__ANSWER_TOKENS": "16",
}


async def measure(effort: Effort) -> Table:
    count = effort.repetitions(MESSAGES, quick=20)
    with scratch() as folder:
        async with (
            started(Program(folder / "data", SCRIPTED)) as program,
            web_chat(program.url) as chat,
        ):
            exchanges = [await chat.ask("How are you?") for _ in range(WARM_UP + count)][WARM_UP:]
    accepted = [1000 * (one.accepted - one.sent) for one in exchanges]
    streamed = [1000 * (one.first_text - one.accepted) for one in exchanges]
    visible = [1000 * (one.first_text - one.sent) for one in exchanges]
    return Table(
        "Latency that Outrider adds (scripted engine, first token at once)",
        [
            Row("message sent to first text in the stream", "ms", visible),
            Row("of it: sent to accepted (committed)", "ms", accepted),
            Row("of it: accepted to first text", "ms", streamed),
        ],
        ["one message after the other, each in a new conversation of the web chat"],
    )
