"""The bare AsyncLLM with Outrider's engine arguments, answering batches over a socket.

    python -m tests.benchmarks.bare_engine MODEL SOCKET

A line of JSON in (system prompt, prompts, most tokens of an answer), a line out (the batch's
answers). The socket is there once the engine is ready.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from dataclasses import asdict
from typing import Any

from inference.api import ChatMessage
from inference.chat import render_token_ids
from inference.profiles import profile_named
from inference.vllm_engine.launch import (
    engine_arguments,
    environment,
    environment_set,
    quiet_imports,
)
from tests.benchmarks.batch import Answer, Batch


async def main(model: str, socket: str) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    quiet_imports()
    profile = profile_named("demo")
    with environment_set(environment(profile, model, debug=False)):
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        arguments = engine_arguments(profile, model)
        llm = AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = json.loads(await reader.readline())
        batch = await _batch(llm, request)
        writer.write(json.dumps(asdict(batch)).encode() + b"\n")
        await writer.drain()
        writer.close()

    try:
        async with await asyncio.start_unix_server(answer, socket, limit=2**24):
            await stop.wait()
    finally:
        llm.shutdown()


async def _batch(llm: Any, request: dict[str, Any]) -> Batch:
    begun = time.perf_counter()
    answers = await asyncio.gather(*(_answer(llm, one, request) for one in request["prompts"]))
    return Batch(answers, begun, time.perf_counter())


async def _answer(llm: Any, prompt: str, request: dict[str, Any]) -> Answer:
    from vllm import SamplingParams
    from vllm.inputs import tokens_input
    from vllm.sampling_params import RequestOutputKind

    messages = [ChatMessage("system", request["system"]), ChatMessage("user", prompt)]
    # Rendering is part of an answer on the other side too.
    token_ids = await asyncio.to_thread(render_token_ids, llm.renderer.tokenizer, messages)
    parameters = SamplingParams(
        temperature=0.0,
        max_tokens=request["answer_tokens"],
        output_kind=RequestOutputKind.DELTA,
    )
    tokens, first, last = 0, 0.0, 0.0
    async for output in llm.generate(tokens_input(list(token_ids)), parameters, str(id(messages))):
        last = time.perf_counter()
        first = first or last
        tokens += len(output.outputs[0].token_ids)
    return Answer(tokens, first, last)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
