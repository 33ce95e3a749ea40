"""Look at the web chat without a model: `python -m tests.support.web_demo`, then 127.0.0.1:8099.

Ask for "code", "fail", "long" or "table" to see how those look; anything else is echoed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from inference.api import ChatMessage
from tests.support.chat_app import chat_app
from tests.support.memory_assistant import MemoryAssistant, ScriptedFailure, words
from tests.support.serving import serving

CODE = """In Python a string can be read backwards with a slice whose step is `-1`:

```python
def reverse(text: str) -> str:
    \"\"\"Return the text with its characters in the opposite order.\"\"\"
    return text[::-1]


print(reverse("stressed"))  # desserts
```

Two things to know:

- A slice never changes the string itself, it makes a **new** one.
- Letters with combining accents are several characters; for those, reverse *graphemes* instead.
"""
TABLE = """## Rivers of Europe

| River | Length | Flows into |
|:------|-------:|:-----------|
| Volga | 3,530 km | Caspian Sea |
| Danube | 2,850 km | Black Sea |
| Rhine | 1,230 km | North Sea |

> Lengths differ a little between sources.

1. First, see <https://example.org/rivers>.
2. Then compare.
"""


def script(messages: Sequence[ChatMessage]) -> Iterator[str]:
    question = messages[-1].content.lower()
    if "fail" in question:
        yield from words("I was about to say")
        raise ScriptedFailure("The model stopped in the middle of this answer.")
    if "function" in question or "code" in question:
        yield from words(CODE)
    elif "table" in question:
        yield from words(TABLE)
    elif "long" in question:
        yield from words(
            "\n\n".join(f"Paragraph {n}. " + "Word after word. " * 30 for n in range(9))
        )
    elif "capital of france" in question:
        yield from words("The capital of France is **Paris**, on the river Seine.")
    else:
        yield from words(f"You said: {messages[-1].content}")


async def main() -> None:
    async with (
        MemoryAssistant(script, pace_seconds=0.05) as assistant,
        serving(chat_app(assistant), port=8099) as address,
    ):
        print(address)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
