"""`outrider ask`: a question from the terminal, answered by a running server or by an engine here.

The terminal is a conversation like any other: what was said is kept in a private file in the data
directory, and `--new` begins anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import typer
from rich.console import Console

from assistant.errors import AssistantError
from bots.server_word import api_key, running_server
from bots.settings import Settings
from inference.api import ChatMessage, Engine, GenerationRequest, Sampling
from inference.errors import PromptTooLong
from inference.start import build_engine

HISTORY_FILE = "ask.json"
KEPT_MESSAGES = 20
TIMEOUT = httpx.Timeout(10.0, read=120.0)


async def ask(settings: Settings, question: str, new: bool) -> None:
    """Stream the answer to stdout. Raises AssistantError, EngineError."""
    if not question.strip():
        raise AssistantError("The question is empty: write something to be answered.")
    if not _is_text(question):
        raise AssistantError("The question is not UTF-8 text: write it in a UTF-8 terminal.")
    if len(question) > settings.assistant.message_characters:
        raise AssistantError(
            f"The question has {len(question):,} characters and at most "
            f"{settings.assistant.message_characters:,} are read: shorten it."
        )
    path = settings.data_dir / HISTORY_FILE
    messages = [] if new else _read(path)
    messages.append(ChatMessage("user", question))
    async with AsyncExitStack() as stack:
        answer = ""
        async for piece in await _answer(settings, messages, stack):
            typer.echo(piece, nl=False)
            answer += piece
    typer.echo()
    _write(path, [*messages, ChatMessage("assistant", answer)][-KEPT_MESSAGES:])


def _is_text(question: str) -> bool:
    """False for bytes that the terminal's encoding could not read."""
    try:
        question.encode()
    except UnicodeEncodeError:
        return False
    return True


async def _answer(
    settings: Settings, messages: list[ChatMessage], stack: AsyncExitStack
) -> AsyncIterator[str]:
    system = ChatMessage("system", settings.assistant.system_prompt)
    client = await stack.enter_async_context(httpx.AsyncClient(timeout=TIMEOUT, trust_env=False))
    url = await running_server(settings, client)
    if url is not None:
        return _shortened(settings, client, url, [system, *messages])
    engine = await stack.enter_async_context(_engine(settings))
    return _from_engine(engine, settings, system, messages)


class _TooLong(AssistantError):
    """The running server's model can't read so much."""


async def _shortened(
    settings: Settings, client: httpx.AsyncClient, url: str, messages: list[ChatMessage]
) -> AsyncIterator[str]:
    """As much of the conversation as the model reads: the oldest question and answer go first."""
    while True:
        try:
            async for piece in _from_server(settings, client, url, messages):
                yield piece
            return
        except _TooLong:
            if len(messages) <= 2:  # the system prompt and this question
                raise
            messages = [messages[0], *messages[3:]]


async def _from_server(
    settings: Settings, client: httpx.AsyncClient, url: str, messages: list[ChatMessage]
) -> AsyncIterator[str]:
    body = {
        "model": "outrider",
        "stream": True,
        "messages": [{"role": one.role, "content": one.content} for one in messages],
    }
    headers = {"authorization": f"Bearer {api_key(settings)}"}
    address = f"{url}/v1/chat/completions"
    try:
        async with client.stream("POST", address, json=body, headers=headers) as response:
            if not response.is_success:
                raise _refusal(await response.aread())
            async for line in response.aiter_lines():
                if line.startswith("data: ") and line != "data: [DONE]":
                    yield _piece(json.loads(line.removeprefix("data: ")))
    except (httpx.HTTPError, ValueError) as error:
        raise AssistantError(
            f"The Outrider at {url} broke off: see its log, and ask again."
        ) from error


def _piece(chunk: dict[str, object]) -> str:
    if "error" in chunk:
        raise _refusal(json.dumps(chunk).encode())
    choices = chunk.get("choices") or []
    return (choices[0]["delta"].get("content") or "") if choices else ""  # type: ignore[index]


def _refusal(body: bytes) -> AssistantError:
    try:
        error = json.loads(body)["error"]
        sentence, code = str(error["message"]), error.get("code")
    except (ValueError, KeyError, TypeError, AttributeError):
        return AssistantError("The running server gave an answer that makes no sense: see its log.")
    return _TooLong(sentence) if code == "context_length_exceeded" else AssistantError(sentence)


@asynccontextmanager
async def _engine(settings: Settings) -> AsyncIterator[Engine]:
    engine = build_engine(settings.engine, settings.data_dir)
    console = Console(stderr=True)
    try:
        with console.status("starting the model") as status:

            def show(line: str, share: float | None) -> None:
                status.update(line if share is None else f"{line} ({share:.0%})")

            await engine.start(show)
        if engine.info.notice:
            console.print(engine.info.notice, style="dim", highlight=False)
        yield engine
    finally:
        await engine.stop()


async def _from_engine(
    engine: Engine, settings: Settings, system: ChatMessage, messages: list[ChatMessage]
) -> AsyncIterator[str]:
    while True:
        try:
            prompt = await engine.render([system, *messages])
            break
        except PromptTooLong:
            if len(messages) == 1:
                raise
            messages = messages[2:]  # the oldest question with its answer
    sampling = Sampling(max_tokens=settings.assistant.answer_tokens)
    async for delta in engine.generate(GenerationRequest("ask", prompt, sampling)):
        yield delta.text


def _read(path: Path) -> list[ChatMessage]:
    try:
        kept = json.loads(path.read_text("utf-8"))
        return [ChatMessage(one["role"], one["content"]) for one in kept]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _write(path: Path, messages: list[ChatMessage]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = [{"role": one.role, "content": one.content} for one in messages]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(kept, file, ensure_ascii=False)
