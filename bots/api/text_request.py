"""What a client may send to `/v1/completions`, and what of OpenAI's form is refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from bots.api.output_request import FormFields
from bots.api.refusing import refusing
from bots.api.request import Deadline, Seed, StopText, StreamOptions, Tokens
from bots.api.text import Text
from bots.api.whole import Whole
from inference.api import Sampling

MOST_PROMPTS = 64
DEFAULT_TOKENS = 16  # as OpenAI's


def no_ids(prompt: object) -> object:
    """A validator of texts that OpenAI also takes as token ids."""
    first = prompt[0] if isinstance(prompt, list) and prompt else None
    if isinstance(first, int | list):
        raise PydanticCustomError(
            "token_ids", "Send it as text: token ids depend on a model's tokenizer"
        )
    return prompt


Prompt = Annotated[Text, Field(min_length=1)]


class TextCompletionRequest(FormFields):
    prompt: Annotated[
        Prompt | Annotated[list[Prompt], Field(min_length=1, max_length=MOST_PROMPTS)],
        BeforeValidator(no_ids),
    ] = Field(
        description="A text that the model goes on from as it is, without a chat template; of "
        "several, each gets a choice of its own."
    )
    model: str | None = Field(
        None, description="Any name: there is one model, and the answer says which."
    )
    max_tokens: Tokens | None = Field(None, description=f"{DEFAULT_TOKENS} without it.")
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0.000_001, le=1)
    stop: StopText | Annotated[list[StopText], Field(max_length=4)] | None = None
    seed: Seed | None = None
    echo: bool | None = Field(None, description="Repeat the prompt before what is added to it.")
    n: Annotated[Literal[1], Whole] | None = None
    best_of: Annotated[Literal[1], Whole] | None = None
    suffix: Annotated[
        None, refusing("A text that comes after what is written can't be taken into account")
    ] = None
    logprobs: Annotated[None, refusing("Log probabilities are not given here")] = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    deadline_seconds: Deadline | None = None
    user: str | None = None

    def prompts(self) -> list[str]:
        return [self.prompt] if isinstance(self.prompt, str) else self.prompt

    def sampling(self) -> Sampling:
        """Raises Refused (400) for values that are none, or don't go together."""
        stop = self.stop or []
        return self.with_output(
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_tokens or DEFAULT_TOKENS,
            seed=self.seed,
            stop=(stop,) if isinstance(stop, str) else tuple(stop),
        )

    @property
    def include_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)
