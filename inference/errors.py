"""What can go wrong in the engine.

    EngineError
    ├── PromptTooLong        the prompt has more tokens than the model's window leaves room for
    ├── EngineUnavailable    starting, stopped or dead; a later attempt may succeed (retryable)
    ├── EngineOverloaded     the queue is full (retryable)
    ├── ModelNotFound        the weights are not where the settings say
    ├── ModelBuildFailed     the demo model could not be fetched, checked or written
    ├── PlanRefused          a model's config, a card or a number that nothing can be planned from
    └── ProfileRefused       the profile can't run here, or not at all

Each has a `code` for logs and tables, says whether it is `retryable`, and carries its numbers as
attributes. `str(error)` is one sentence that says what to do.
"""

from __future__ import annotations

from typing import Any


class EngineError(Exception):
    code = "engine_error"
    retryable = False

    def __reduce__(self) -> tuple[Any, ...]:
        """They cross processes with their numbers, whatever their constructors take."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[EngineError], args: tuple[Any, ...], carried: Any) -> EngineError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(carried)
    return error


class PromptTooLong(EngineError):
    code = "prompt_too_long"

    def __init__(self, prompt_tokens: int, limit_tokens: int) -> None:
        super().__init__(
            f"The prompt has {prompt_tokens:,} tokens and the model reads at most "
            f"{limit_tokens:,}: shorten it by {prompt_tokens - limit_tokens:,} tokens."
        )
        self.prompt_tokens = prompt_tokens
        self.limit_tokens = limit_tokens


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


class PlanRefused(EngineError):
    code = "plan_refused"


class ProfileRefused(EngineError):
    code = "profile_refused"
