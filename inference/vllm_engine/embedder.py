"""A model of embeddings in our process: the same engine of vLLM's, which pools in place of writing.

Started and stopped as `VllmEngine` is; it answers nobody.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any

from inference.api import Delta, Embeddings, GenerationRequest, Progress
from inference.errors import EngineError, EngineOverloaded, EngineUnavailable, PromptTooLong
from inference.vllm_engine.engine import VllmEngine

_numbers = itertools.count()


class VllmEmbedder(VllmEngine):
    async def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        raise EngineError(f"The model of the profile {self._profile.name} makes embeddings alone.")
        yield

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        llm = self._ready()
        ids = await asyncio.to_thread(self._tokenized, texts)
        longest = max(map(len, ids), default=0)
        if longest > self.info.max_model_len:
            raise PromptTooLong(longest, self.info.max_model_len)
        pooling = [asyncio.create_task(self._pooled(llm, one)) for one in ids]
        try:
            vectors = await asyncio.gather(*pooling)
        finally:
            for task in pooling:
                task.cancel()
            await asyncio.gather(*pooling, return_exceptions=True)
        return Embeddings(tuple(vectors), sum(map(len, ids)))

    def _tokenized(self, texts: Sequence[str]) -> list[list[int]]:
        tokenizer = self._model().tokenizer
        return [tokenizer.encode(text) for text in texts]

    async def _pooled(self, llm: Any, token_ids: Sequence[int]) -> tuple[float, ...]:
        """vLLM's vector, its errors in our words."""
        from vllm import PoolingParams
        from vllm.exceptions import GracefulHTTPError
        from vllm.inputs import tokens_input
        from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

        name = f"embedding-{next(_numbers)}"
        try:
            async for output in llm.encode(
                tokens_input(list(token_ids)), PoolingParams(task="embed"), name
            ):
                if output.finished:
                    return tuple(output.outputs.data.float().tolist())
        except GracefulHTTPError as error:
            raise EngineOverloaded("The model has too many texts waiting: try again.") from error
        except EngineDeadError as error:
            raise self._core_ended(llm) from error
        except EngineGenerateError as error:
            raise EngineUnavailable("The model broke off this text: try again.") from error
        raise EngineUnavailable("The model gave no embedding of this text: try again.")

    def _build_llm(self, model: str, progress: Progress) -> None:
        self._overrides.setdefault("runner", "pooling")
        super()._build_llm(model, progress)
        self._tell(vision=False, generates=False, embeddings=self.info.model)

    async def _first_token(self) -> None:
        self._counts.counting = False
        await self.embed(["Hello"])
        self._counts.counting = True
