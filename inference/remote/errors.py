"""What goes wrong between us and a remote endpoint, in the engine's own errors.

The endpoint's own words are never repeated: they may carry the prompt or a key.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import httpx

from inference.errors import (
    BadGrammar,
    EngineError,
    EngineOverloaded,
    EngineUnavailable,
    ProfileRefused,
)

# No JSON, JSON too deep, or things in it that are none of what they should be.
_UNREADABLE = (ValueError, RecursionError, TypeError, AttributeError, LookupError)


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


def refuse_bad_status(status: int, *, held: bool = False) -> None:
    """Raises EngineOverloaded (429, 503), ProfileRefused (3xx, 401, 403, 404), EngineUnavailable.

    `held`: the answer was to have a form, or to call tools; then 400 and 422 are a BadGrammar.
    """
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
    if status >= 500:
        raise EngineUnavailable(f"The model's endpoint failed ({status}): try again.")
    if held and status in (400, 422):
        raise BadGrammar(f"so says the model's endpoint, {status}")
    if status >= 400:
        raise EngineError(f"The model's endpoint refused the request ({status}).")


def refuse_error_event(chunk: dict[str, Any]) -> None:
    """An error in the middle of a stream comes as an event. Raises EngineUnavailable."""
    if chunk.get("error"):
        raise EngineUnavailable("The model's endpoint broke off its answer: try again.")
