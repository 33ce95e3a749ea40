"""A small real HTTP server that speaks the OpenAI streaming protocol.

It answers with the scripted engine's words at a pace, counts what is running, notices a client
that hangs up, wants a key, and can be told to fail in the ways that endpoints do.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from inference.api import ChatMessage, Image, OutputFormat, Role, Sampling, Tool, ToolCall
from inference.errors import SamplingRefused
from inference.scripted import answer_to, call_in, formatted, tokens_of

KEY = "sk-test"
MODEL = "remote-model"
MAX_MODEL_LEN = 4096


@dataclass
class OpenAiServer:
    """`refusal` is a status for every request, but 400, which is the request's own fault, for none
    that only asks which models there are; `error` is what its body says beside; `break_after`
    cuts each answer off there. `continues`: it says that it is vLLM's, whose servers go on from a
    message of the assistant; `refuses_to_continue` all the same. Without `usage` it counts nothing.
    """

    seconds_per_token: float = 0.002
    answer_tokens: int = 48
    refusal: int | None = None
    error: dict[str, Any] | None = None
    continues: bool = False
    refuses_to_continue: bool = False
    usage: bool = True
    break_after: int | None = None
    error_after: int | None = None
    running: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)
    asked_for_models: int = 0
    longest: str = "max_tokens"  # by which name alone it takes that; any other is refused
    _runner: web.AppRunner | None = None
    base_url: str = ""

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_post("/v1/completions", self._complete)
        app.router.add_post("/v1/embeddings", self._embed)
        self._runner = web.AppRunner(app, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}/v1"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def _refused(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return web.json_response({"error": {"message": "wrong key"}}, status=401)
        if self.refusal is not None:
            said = {"message": "no", **(self.error or {})}
            return web.json_response({"error": said}, status=self.refusal)
        return None

    async def _models(self, request: web.Request) -> web.Response:
        self.asked_for_models += 1
        owner = "vllm" if self.continues else "somebody"
        model = {"id": MODEL, "object": "model", "owned_by": owner, "max_model_len": MAX_MODEL_LEN}
        refused = self._refused(request)
        if refused is None or refused.status == 400:
            return web.json_response({"object": "list", "data": [model]})
        return refused

    async def _embed(self, request: web.Request) -> web.Response:
        """Says the last first: a client goes by the index. A text's length and its words."""
        if refused := self._refused(request):
            return refused
        body = await request.json()
        self.requests.append(body)
        data = [
            {"index": at, "embedding": [len(text) / 2, len(text.split())]}
            for at, text in enumerate(body["input"])
        ]
        tokens = sum(len(text.split()) for text in body["input"])
        return web.json_response({"data": data[::-1], "usage": {"prompt_tokens": tokens}})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        if refused := self._refused(request):
            return refused
        if {"max_tokens", "max_completion_tokens"} & set(body) - {self.longest}:
            return web.json_response({"error": {"message": "unsupported"}}, status=400)
        going_on = "continue_final_message" in body
        if going_on and (self.refuses_to_continue or not self.continues):
            return web.json_response({"error": {"message": "unknown field"}}, status=400)
        try:
            told = formatted(_sampling(body))
        except SamplingRefused as error:
            return web.json_response({"error": {"message": str(error)}}, status=400)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        self.running += 1
        try:
            await self._stream(response, body, told)
        finally:
            self.running -= 1
        return response

    async def _stream(
        self, response: web.StreamResponse, body: dict[str, Any], told: str | None
    ) -> None:
        raw = "prompt" in body
        if raw:
            messages = [ChatMessage("raw", body["prompt"])]
        else:
            messages = [_message(**each) for each in body["messages"]]
            await _send(response, _chunk({"role": "assistant", "content": ""}))
        asked = messages[:-1] if body.get("continue_final_message") else messages
        call = call_in(asked, _sampling(body))
        if call is not None:
            await self._call(response, call)
            shown = tokens_of(call.arguments)
        else:
            shown = tokens_of(answer_to(asked) if told is None else told)
            ended = await self._say(response, body, shown, fill=told is None)
            if ended is None:
                return
            shown = ended
        if self.usage and body.get("stream_options", {}).get("include_usage"):
            prompt = sum(len(tokens_of(message.content)) for message in messages)
            usage = {"prompt_tokens": prompt, "completion_tokens": len(shown)}
            await _send(response, {"choices": [], "usage": usage})
        await response.write(b"data: [DONE]\n\n")

    async def _say(
        self, response: web.StreamResponse, body: dict[str, Any], tokens: list[str], *, fill: bool
    ) -> list[str] | None:
        """Say it word by word; None where it broke off, as it was told to."""
        if fill:
            tokens += [f" more{number}" for number in range(self.answer_tokens - len(tokens))]
        if body.get("continue_final_message"):
            tokens = tokens_of("".join(tokens).removeprefix(body["messages"][-1]["content"]))
        shown = tokens[: body.get(self.longest, len(tokens))]
        for number, token in enumerate(shown):
            if number == self.break_after:
                return None
            if number == self.error_after:
                said = {"message": "the GPU is on fire", **(self.error or {})}
                await _send(response, {"error": said})
                return None
            await asyncio.sleep(self.seconds_per_token)
            said = _chunk({"content": token}, logprobs=_logprobs(token, body))
            await _send(response, _text(token) if "prompt" in body else said)
        reason = "stop" if shown == tokens else "length"
        await _send(response, _text("", reason) if "prompt" in body else _chunk({}, reason))
        return shown

    async def _call(self, response: web.StreamResponse, call: ToolCall) -> None:
        """As OpenAI does: id and name first, then the arguments bit by bit."""
        head = {"id": call.id, "type": "function", "function": {"name": call.name}}
        await _send(response, _chunk({"tool_calls": [{"index": 0, **head}]}))
        for piece in tokens_of(call.arguments):
            await asyncio.sleep(self.seconds_per_token)
            more = {"index": 0, "function": {"arguments": piece}}
            await _send(response, _chunk({"tool_calls": [more]}))
        await _send(response, _chunk({}, "tool_calls"))


def _sampling(body: dict[str, Any]) -> Sampling:
    """What a request says of its answer's form, and of tools."""
    choice = body.get("tool_choice", "auto")
    functions = [tool["function"] for tool in body.get("tools", ())]
    return Sampling(
        format=_format(body),
        tools=tuple(Tool(one["name"], "", json.dumps(one["parameters"])) for one in functions),
        tool_choice=choice if isinstance(choice, str) else choice["function"]["name"],
    )


def _format(body: dict[str, Any]) -> OutputFormat | None:
    if wanted := body.get("response_format"):
        schema = wanted.get("json_schema", {}).get("schema")
        return OutputFormat(wanted["type"], json.dumps(schema) if schema else "")
    for kind, constraint in body.get("structured_outputs", {}).items():
        if kind == "choice":
            return OutputFormat("choice", choices=tuple(constraint))
        return OutputFormat(kind, constraint)
    return None


def _logprobs(token: str, body: dict[str, Any]) -> dict[str, Any] | None:
    if not body.get("logprobs"):
        return None
    likely = {"token": token, "logprob": -0.5, "bytes": list(token.encode())}
    return {"content": [{**likely, "top_logprobs": [likely] * min(body["top_logprobs"], 1)}]}


def _message(
    role: Role,
    content: str | list[dict[str, Any]],
    tool_calls: Sequence[dict[str, Any]] = (),
    tool_call_id: str = "",
) -> ChatMessage:
    """Refuses what an endpoint can't read: a part that is no text and no image as a data URL."""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    texts = [part["text"] for part in parts if part["type"] == "text"]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    images = []
    for url in urls:
        media_type, data = url.removeprefix("data:").split(";base64,")
        images.append(Image(media_type, base64.b64decode(data, validate=True), 0, 0))
    calls = tuple(ToolCall(one["id"], **one["function"]) for one in tool_calls)
    return ChatMessage(role, "\n".join(texts), tuple(images), calls, tool_call_id)


def _chunk(
    delta: dict[str, Any], reason: str | None = None, logprobs: dict[str, Any] | None = None
) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": logprobs}
    return {"object": "chat.completion.chunk", "model": MODEL, "choices": [choice]}


def _text(text: str, reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "text": text, "finish_reason": reason}
    return {"object": "text_completion", "model": MODEL, "choices": [choice]}


async def _send(response: web.StreamResponse, event: dict[str, Any]) -> None:
    await response.write(f"data: {json.dumps(event)}\n\n".encode())
