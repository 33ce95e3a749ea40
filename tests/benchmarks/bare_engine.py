"""The bare AsyncLLM with Outrider's engine arguments: `python -m … REQUEST.json RESULT.json`.

The request names the model's folder, the system prompt, the prompts of each batch and the most
tokens of an answer; the result has each batch's answers.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from inference.api import ChatMessage
from inference.chat import render_token_ids
from inference.profiles import profile_named
from inference.vllm_launch import engine_arguments, environment, environment_set, quiet_imports
from tests.benchmarks.batch import Answer, Batch


async def main(request: dict[str, Any]) -> list[Batch]:
    quiet_imports()
    with environment_set(environment(request["model"], debug=False)):
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        arguments = engine_arguments(profile_named("demo"), request["model"], None)
        llm = AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))
    try:
        return [await _batch(llm, prompts, request) for prompts in request["batches"]]
    finally:
        llm.shutdown()
        del llm
        gc.collect()  # it complains when it is only found at the interpreter's end


async def _batch(llm: Any, prompts: list[str], request: dict[str, Any]) -> Batch:
    begun = time.perf_counter()
    answers = await asyncio.gather(*(_answer(llm, prompt, request) for prompt in prompts))
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
    given = json.loads(Path(sys.argv[1]).read_text())
    measured = [asdict(batch) for batch in asyncio.run(main(given))]
    Path(sys.argv[2]).write_text(json.dumps(measured))
