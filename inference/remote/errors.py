"""What goes wrong between us and a remote endpoint, in the engine's own errors.

The endpoint's own words are never repeated: they may carry the prompt or a key.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx

from inference.errors import (
    BadGrammar,
    EngineError,
    EngineOverloaded,
    EngineUnavailable,
    ProfileRefused,
    PromptTooLong,
    SamplingRefused,
)

# No JSON, JSON too deep, or things in it that are none of what they should be.
_UNREADABLE = (ValueError, RecursionError, TypeError, AttributeError, LookupError)
_FAULTS_OF_THE_REQUEST = (400, 413, 422)
MOST_BYTES = 65_536  # of what an endpoint says of a refusal; of more nothing is read


@contextlib.contextmanager
def in_our_words() -> Iterator[None]:
    """Turn httpx's errors, and an answer that is no JSON or of another shape than OpenAI's, into
    EngineUnavailable: whatever an endpoint sends, it can't end the worker."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise EngineUnavailable(
            "The model's endpoint did not answer in time: try again."
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise EngineUnavailable(
            f"The model's endpoint can't be reached ({type(error).__name__}): check "
            "OUTRIDER_ENGINE__BASE_URL and the network."
        ) from error
    except _UNREADABLE as error:
        raise EngineUnavailable("The model's endpoint sent something unreadable.") from error


@dataclass(frozen=True, slots=True)
class Refusal:
    """The status, and what OpenAI's error body names: the error's code and the field at fault.

    Both are empty where the endpoint doesn't say them.
    """

    status: int
    code: str = ""
    param: str = ""

    @property
    def too_long(self) -> bool:
        """As OpenAI says it, and as vLLM's servers do."""
        return self.code == "context_length_exceeded" or self.param in (
            "input_tokens",
            "input_text",
        )

    @property
    def of_form(self) -> bool:
        """A JSON schema, a tool's too, a pattern or a grammar is at fault."""
        form = self.param.startswith(("response_format", "structured_outputs"))
        return form or (self.param.startswith("tools") and "parameters" in self.param)


async def refusal_of(response: httpx.Response) -> Refusal | None:
    """None for a success. Raises httpx's errors."""
    if response.is_success:
        return None
    if response.status_code not in _FAULTS_OF_THE_REQUEST:
        return Refusal(response.status_code)
    said = b""
    async for piece in response.aiter_bytes():
        said += piece
        if len(said) > MOST_BYTES:
            return Refusal(response.status_code)
    try:
        return _named(response.status_code, json.loads(said)["error"])
    except _UNREADABLE:
        return Refusal(response.status_code)


def _named(status: int, error: Any) -> Refusal:
    """`error` is whatever stands under that name."""
    told = error if isinstance(error, dict) else {}
    code, param = told.get("code"), told.get("param")
    return Refusal(
        status,
        code if isinstance(code, str) else "",
        param if isinstance(param, str) else "",
    )


def refuse(refusal: Refusal) -> None:
    """Raises EngineOverloaded (429, 503), ProfileRefused (3xx, 401, 403, 404), EngineUnavailable
    (408, 5xx); for what is the request's own fault (400, 413, 422) PromptTooLong, BadGrammar or
    SamplingRefused; EngineError for any other status of a refusal, and nothing for a success."""
    status = refusal.status
    if 300 <= status < 400:  # followed, the key would go to another address
        raise ProfileRefused(
            f"The model's endpoint redirects ({status}): set OUTRIDER_ENGINE__BASE_URL to the "
            "address that it redirects to."
        )
    if status in (429, 503):
        raise EngineOverloaded("The model's endpoint is overloaded: try again shortly.")
    if status in (401, 403):
        raise ProfileRefused(
            f"The model's endpoint refused the key ({status}): check OUTRIDER_ENGINE__API_KEY."
        )
    if status == 404:
        raise ProfileRefused(
            "The model's endpoint has no such address (404): check OUTRIDER_ENGINE__BASE_URL, "
            "which ends in /v1."
        )
    if status == 408 or status >= 500:
        raise EngineUnavailable(f"The model's endpoint failed ({status}): try again.")
    if status in _FAULTS_OF_THE_REQUEST:
        raise _fault(refusal)
    if status >= 400:
        raise EngineError(f"The model's endpoint refused the request ({status}).")


def _fault(refusal: Refusal) -> EngineError:
    if refusal.too_long:
        return PromptTooLong()
    if refusal.of_form:
        return BadGrammar(f"so says the model's endpoint, {refusal.status}")
    return SamplingRefused(
        f"The model's endpoint refused the request ({refusal.status}): shorten it, or leave out "
        "what the endpoint may not know, such as a form, tools or sampling values."
    )


def refuse_error_event(chunk: dict[str, Any], *, begun: bool, held: bool) -> None:
    """An error in the middle of a stream comes as an event. Raises EngineUnavailable.

    vLLM's servers open the stream before they look at the sampling: ahead of any text (`begun` is
    False) it may be a refusal, and where the answer was `held` to a form, of that form.
    """
    error = chunk.get("error")
    if not error:
        return
    status = error.get("code") if isinstance(error, dict) else None
    if not begun and status in _FAULTS_OF_THE_REQUEST:
        refusal = _named(int(status), error)
        if held and not refusal.param:
            refusal = replace(refusal, param="response_format")
        refuse(refusal)
    raise EngineUnavailable("The model's endpoint broke off its answer: try again.")
