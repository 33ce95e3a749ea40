"""Asking a running Outrider many questions at once, over its public API."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from assistant.errors import AssistantError

TIMEOUT = httpx.Timeout(10.0, read=900.0)  # behind others, an answer may wait for long
MOST_STOPS = 4  # of one request
TRIES = 5
BUSY = (429, 503)


@dataclass(frozen=True, slots=True)
class Question:
    """`until`: the answer ends before the first of these. `options` go to the API as they are."""

    messages: list[dict[str, str]]
    until: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        stop = {"stop": list(self.until[:MOST_STOPS])} if self.until else {}
        return {"model": "outrider", "messages": self.messages, **self.options, **stop}

    def cut(self, text: str) -> str:
        """The answer up to whatever ends it; the API takes only some of them."""
        found = [at for one in self.until if (at := text.find(one)) >= 0]
        return text[: min(found, default=len(text))]


@dataclass(frozen=True, slots=True)
class Outrider:
    """A running one. `key` is in no error, and in no repr."""

    url: str
    key: str = field(repr=False)
    concurrency: int = 8

    async def served(self) -> dict[str, Any]:
        """What `/v1/models` says of the model that chats. Raises AssistantError."""
        async with self._client() as client:
            said = await self._sent(client, "GET", "/v1/models")
        chats = (dict(one) for one in said["data"] if "chat" in one["capabilities"])
        if (model := next(chats, None)) is None:
            raise AssistantError(f"The Outrider at {self.url} serves no model that chats.")
        return model

    async def answers(
        self, questions: Sequence[Question], answered: Callable[[int], None]
    ) -> list[str]:
        """One text for each question, in their order; `answered` hears how many are there.

        Raises AssistantError for the first that is refused, and then asks nothing more.
        """
        room, done = asyncio.Semaphore(self.concurrency), 0

        async def ask(question: Question) -> str:
            nonlocal done
            async with room:
                said = await self._sent(client, "POST", "/v1/chat/completions", question.body())
            done += 1
            answered(done)
            return question.cut(said["choices"][0]["message"]["content"] or "")

        async with self._client() as client, asyncio.TaskGroup() as group:
            asking = [group.create_task(ask(question)) for question in questions]
        return [task.result() for task in asking]

    def _client(self) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {self.key}"}
        return httpx.AsyncClient(
            base_url=self.url, headers=headers, timeout=TIMEOUT, trust_env=False
        )

    async def _sent(
        self, client: httpx.AsyncClient, method: str, path: str, body: object = None
    ) -> Any:
        for left in reversed(range(TRIES)):
            try:
                response = await client.request(method, path, json=body)
                if response.is_success:
                    return response.json()
            except (httpx.HTTPError, ValueError) as error:
                raise AssistantError(
                    f"The Outrider at {self.url} broke off: see its log, and evaluate again."
                ) from error
            if response.status_code not in BUSY or not left:
                break
            await asyncio.sleep(_seconds(response.headers.get("retry-after")))
        raise AssistantError(f"The Outrider at {self.url} refuses: {_why(response)}")


def _seconds(retry_after: str | None) -> float:
    try:
        return min(max(float(retry_after or 1), 0.1), 60.0)
    except ValueError:
        return 1.0


def _why(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {response.status_code}."
