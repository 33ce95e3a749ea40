"""The engine port: what the conversation service asks of a model, and nothing more.

Implementations: `vllm_engine`, `on_ray`, `remote`, `scripted`, each with its engine.
All pass `tests/contract/test_engine.py`. This module imports no torch.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from inference.output_format import NO_PARAMETERS as NO_PARAMETERS
from inference.output_format import FormatKind as FormatKind
from inference.output_format import InvalidSampling as InvalidSampling
from inference.output_format import OutputFormat as OutputFormat
from inference.output_format import Tool as Tool
from inference.output_format import ToolCall as ToolCall
from inference.sampling import BEGUN_ANEW as BEGUN_ANEW
from inference.sampling import Sampling as Sampling
from inference.sampling import sampling_read as sampling_read
from inference.sampling import sampling_written as sampling_written
from inference.statistics import Distribution

MOST_IMAGES = 10  # of one prompt; vLLM advises no more for Llama 4, and an album has as many

# `raw` is no message of a chat but a prompt as it is: the model goes on from its text.
Role = Literal["system", "user", "assistant", "tool", "raw"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "abort"]
# `asleep`: gave its memory back and can be woken. `away`: out of reach, and nothing here can be
# built anew (a remote endpoint). `dead`: what runs here has broken off, and is to be built anew.
EngineState = Literal["starting", "ready", "asleep", "away", "dead", "stopped"]

# Called with one short line for people ("loading the weights") and, where known, a share in [0, 1].
# A line names a phase of the start; after a colon or a bracket may stand what of it.
Progress = Callable[[str, float | None], None]


@dataclass(frozen=True, slots=True)
class Image:
    """A JPEG, PNG, WebP or GIF as it came; width and height in pixels.

    `key` is the caller's own id of it; the engine never looks at it.
    """

    media_type: str
    data: bytes
    width: int
    height: int
    key: int = 0


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """`images` come before the content. Only for an engine whose `EngineInfo` says `vision`.

    `tool_calls` are what an assistant's message called; a message of the role "tool" is the result
    of the call with the id `tool_call_id`.
    """

    role: Role
    content: str
    images: tuple[Image, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered prompt. `token_ids` is None where only the remote end can tokenize."""

    messages: tuple[ChatMessage, ...]
    token_ids: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """`prefix_token_ids` are output tokens that an earlier attempt already produced, `prefix_text`
    what it said: an engine without token ids goes on from that, where it `continues`.

    `priority`: where the engine is full, what has less goes first.
    """

    request_id: str
    prompt: Prompt
    sampling: Sampling = field(default_factory=Sampling)
    prefix_token_ids: tuple[int, ...] = ()
    priority: int = 0
    prefix_text: str = ""


@dataclass(frozen=True, slots=True)
class Resumed:
    """How much of `prefix_token_ids` is gone on from, and the text of those tokens.

    Trailing tokens that end inside a character or inside a stop string are dropped and generated
    anew, all of them where the request can't be resumed. So a caller keeps the first
    `prefix_tokens` of its ids and replaces its text by `text`. Of `prefix_text` it is the same.
    """

    prefix_tokens: int
    text: str


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token's text with its logarithmic probability, and the likeliest in its place.

    Where a character is made of several tokens, the last one carries it and the others are empty:
    together the texts are the answer's.
    """

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """One step of an answer.

    The last delta of a finished answer carries `finish_reason` and the counts; `output_tokens`
    counts the whole answer, a resumed prefix included. Text never ends inside a character.
    `token_ids` are the new output tokens (empty where the engine has none). The first delta of a
    resumed answer has no text of its own and says in `resumed` where it goes on.

    `tool_calls` are calls that are complete; their text is no part of `text`. An answer that
    called something and ended by itself has the finish reason "tool_calls". `logprobs` come where
    they were asked for, for each token. `stop_reason` is the stop string, or the id of the stop
    token, that ended the answer. `waited_seconds` comes with the first token, from an engine that
    tells it: for so long the request waited for room before its prefill.
    """

    text: str
    token_ids: tuple[int, ...] = ()
    finish_reason: FinishReason | None = None
    prompt_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    resumed: Resumed | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    stop_reason: str | int | None = None
    waited_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What is served. `notice` is a quiet line for people, empty for a production model.

    `fingerprint` names model and tokenizer: token ids from another fingerprint mean nothing.
    `attribution` is what a licence demands to be shown ("Built with Llama"), or empty. `plan` is a
    line on how its memory compares with what was planned, empty where nothing was. `quantization`
    is how the weights are stored ("W4A16", "bfloat16"), empty where nobody knows. `experts` is a
    line on who computes a mixture of experts, as proven at the start; empty without one.
    `max_num_seqs` is how many answers it decodes together, 0 where nobody knows. `continues`: it
    has no token ids, and goes on from an answer's text.
    """

    profile: str
    model: str
    max_model_len: int
    fingerprint: str
    notice: str = ""
    attribution: str = ""
    vision: bool = False  # whether it sees images
    tools: bool = False  # whether it calls tools
    formats: tuple[FormatKind, ...] = ()  # which forms of output it can be held to
    logprobs: bool = False
    plan: str = ""
    as_planned: bool = True
    quantization: str = ""
    experts: str = ""
    generates: bool = True  # whether it answers; a model of embeddings alone doesn't
    embeddings: str = ""  # the model that makes embeddings; empty for who is no `Embedder`
    max_num_seqs: int = 0
    continues: bool = False


@dataclass(frozen=True, slots=True)
class Embeddings:
    """A vector for each text, in their order; all of one size. `prompt_tokens` of all together."""

    vectors: tuple[tuple[float, ...], ...]
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class EngineStatistics:
    """Counters over all of the engine's starts, and what is in flight now.

    `requests_running` have not ended, of them `batch_size` are decoded together and
    `requests_waiting` wait for room. `steps` grows with whatever shows that the engine moves; None
    where it can't tell. `kv_cache_usage` is a share in [0, 1]; the prefix cache's counts are in
    tokens. A distribution is None where the engine doesn't know it; all are in seconds.
    """

    requests_running: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    batch_size: int = 0
    requests_waiting: int = 0
    kv_cache_usage: float = 0.0
    preemptions: int = 0
    prefix_cache_queries: int = 0
    prefix_cache_hits: int = 0
    steps: int | None = None
    time_to_first_token: Distribution | None = None
    time_per_output_token: Distribution | None = None
    queue_time: Distribution | None = None
    request_time: Distribution | None = None


@dataclass(frozen=True, slots=True)
class EngineHealth:
    state: EngineState
    detail: str = ""


class Engine(Protocol):
    """A model that answers. One event loop owns it; every method is safe to call concurrently."""

    @property
    def info(self) -> EngineInfo:
        """What is (or will be) served; valid after `start` returned."""
        ...

    async def start(self, progress: Progress) -> None:
        """Load the model. Blocks only this coroutine. Raises EngineError."""
        ...

    async def stop(self) -> None:
        """Free everything, also after a failed start. Leaves no process behind.

        What is still being generated ends in EngineUnavailable.
        """
        ...

    async def sleep(self) -> None:
        """Give back the memory of an engine that is ready and answers nothing now.

        Raises EngineUnavailable; it is dead then.
        """
        ...

    async def wake(self, progress: Progress) -> None:
        """Be ready again after `sleep`. Raises EngineError: it can't, and is to be built anew."""
        ...

    async def render(
        self, messages: Sequence[ChatMessage], sampling: Sampling | None = None
    ) -> Prompt:
        """Apply the model's chat template, with the tools that `sampling` offers, and tokenize. A
        single message of the role `raw` is tokenized as it stands, where control tokens are
        control tokens.

        Raises PromptTooLong when the prompt and room for an answer (`max_tokens`, or the
        profile's smallest useful answer when None) do not fit into `max_model_len`, and
        ImagesRefused when the model sees none.
        """
        ...

    def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        """Stream an answer. Cancelling the consumer (or closing the iterator) aborts generation.

        Raises EngineUnavailable, EngineOverloaded, BadGrammar, SamplingRefused, and PromptTooLong
        where only the remote end counts tokens.
        """
        ...

    async def health(self) -> EngineHealth: ...

    def statistics(self) -> EngineStatistics: ...


class Embedder(Protocol):
    """What an engine is beside, or in place of, one that answers, where its info says so."""

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Raises PromptTooLong for a text that doesn't fit, EngineUnavailable, EngineOverloaded."""
        ...
