"""What can go wrong in the engine.

    EngineError
    ├── PromptTooLong        the prompt has more tokens than the model's window leaves room for
    ├── PromptRefused        the model can't take in these messages, or an image of theirs
    ├── BadGrammar           the form that the answer must have can't be made into a grammar
    ├── SamplingRefused      the engine can't do what the request asks of an answer
    ├── ImagesRefused        an image for a model that sees none
    ├── EngineUnavailable    starting, stopped or dead; a later attempt may succeed (retryable)
    ├── EngineOverloaded     the queue is full (retryable)
    ├── ModelNotFound        the weights are not where the settings say
    ├── ModelBuildFailed     the demo model could not be fetched, checked or written
    ├── WeightsNotFetched    the hub refuses or can't be reached, or the disk is too small
    ├── WeightsDamaged       a file of the model is missing, cut short, or not what it should be
    ├── LicenceNotAccepted   nobody accepted the licence of weights that would be fetched
    ├── PlanRefused          a model's config, a card or a number that nothing can be planned from
    ├── TuningRefused        the kernels can't be measured here: no card, or no torch for it
    └── ProfileRefused       the profile can't run here, or not at all

Each has a `code` for logs and tables, says whether it is `retryable`, and carries its numbers as
attributes. `str(error)` is one sentence that says what to do.
"""

from __future__ import annotations

from typing import Any

_LONGEST_REASON = 200  # characters of what others say


class EngineError(Exception):
    code = "engine_error"
    retryable = False

    def __reduce__(self) -> tuple[Any, ...]:
        """They cross processes with their numbers, whatever their constructors take."""
        return _restored, (type(self), self.args, self.__dict__)


def in_short(reason: str) -> str:
    """The first line of what a library says, without its full stop."""
    line = next(iter(reason.strip().splitlines()), "").strip().rstrip(".")
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}…"


def _restored(kind: type[EngineError], args: tuple[Any, ...], carried: Any) -> EngineError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(carried)
    return error


class PromptTooLong(EngineError):
    """`answer_tokens`: the answer that was asked for, and that `limit_tokens` leaves room for.

    Without figures (0) where a remote end refused it, which alone can count.
    """

    code = "prompt_too_long"

    def __init__(
        self, prompt_tokens: int = 0, limit_tokens: int = 0, answer_tokens: int | None = None
    ) -> None:
        uncounted = "The prompt is longer than the model reads: shorten it."
        counted = _too_long(prompt_tokens, limit_tokens, answer_tokens)
        super().__init__(counted if prompt_tokens else uncounted)
        self.prompt_tokens = prompt_tokens
        self.limit_tokens = limit_tokens


def _too_long(prompt_tokens: int, limit_tokens: int, answer_tokens: int | None) -> str:
    beside, shorter = "", f"shorten it by {prompt_tokens - limit_tokens:,} tokens"
    if answer_tokens is not None:
        beside = f" beside an answer of up to {answer_tokens:,}"
        fewer = "ask for a shorter answer"
        shorter = f"{fewer}, or {shorter}" if limit_tokens else fewer
    return (
        f"The prompt has {prompt_tokens:,} tokens and the model reads at most "
        f"{limit_tokens:,}{beside}: {shorter}."
    )


class PromptRefused(EngineError):
    """`reason` is what the model's chat template, or its reader of images, says."""

    code = "prompt_refused"

    def __init__(self, reason: str = "") -> None:
        because = f" ({in_short(reason)})" if reason else ""
        super().__init__(
            f"The model can't take in these messages{because}: change their roles, their order or "
            "their images."
        )


class BadGrammar(EngineError):
    """`reason` is what the grammar's compiler says: about what the caller sent, in one line."""

    code = "bad_grammar"

    def __init__(self, reason: str = "") -> None:
        because = f" ({reason})" if reason else ""
        super().__init__(
            f"The form that the answer shall have can't be made into a grammar{because}: change "
            "the JSON schema, the pattern or the grammar."
        )
        self.reason = reason


class SamplingRefused(EngineError):
    code = "sampling_refused"


class ImagesRefused(EngineError):
    code = "images_refused"

    def __init__(self, model: str) -> None:
        super().__init__(
            f"The model {model} sees no images: leave them out, or ask a model that sees."
        )
        self.model = model


class EngineUnavailable(EngineError):
    code = "engine_unavailable"
    retryable = True


class EngineOverloaded(EngineError):
    code = "engine_overloaded"
    retryable = True


class ModelNotFound(EngineError):
    code = "model_not_found"


class ModelBuildFailed(EngineError):
    code = "model_build_failed"


class WeightsNotFetched(EngineError):
    code = "weights_not_fetched"


class WeightsDamaged(EngineError):
    code = "weights_damaged"


class LicenceNotAccepted(EngineError):
    code = "licence_not_accepted"


class PlanRefused(EngineError):
    code = "plan_refused"


class TuningRefused(EngineError):
    code = "tuning_refused"


class ProfileRefused(EngineError):
    code = "profile_refused"
