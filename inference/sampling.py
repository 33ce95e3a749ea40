"""How an answer is chosen, token by token. Values that no engine can use are refused here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from inference.output_format import InvalidSampling, OutputFormat, Tool, check_tools

MOST_LOGPROBS = 20  # likely tokens beside each one; vLLM's own limit as well
_LARGEST_SEED = 2**53 - 1  # what JSON carries exactly
_LARGEST_COUNT = 2**31 - 1
_MOST_STOPS = 16
_MOST_STOP_CHARACTERS = 256

# From and to, both included.
_RANGES: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0.000_001, 1),
    "min_p": (0, 1),
    "top_k": (-1, _LARGEST_COUNT),  # -1 and 0: all tokens
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "repetition_penalty": (0.01, 10),
    "max_tokens": (1, _LARGEST_COUNT),
    "seed": (-_LARGEST_SEED, _LARGEST_SEED),
    "logprobs": (0, MOST_LOGPROBS),
}
_WHOLE = ("top_k", "max_tokens", "seed", "logprobs")
# Where one of these is given, or a tool is offered, an answer can't go on from a prefix.
BEGUN_ANEW = ("seed", "frequency_penalty", "presence_penalty", "logprobs", "format")


@dataclass(frozen=True, slots=True)
class Sampling:
    """Sampling parameters, in the field's names. `None` leaves the profile's default.

    `logprobs`: of so many likely tokens beside each one; None for no probabilities at all.
    `tool_choice` is none, auto, required, or the name of the tool that must be called.
    Raises InvalidSampling.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    repetition_penalty: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    logprobs: int | None = None
    format: OutputFormat | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    parallel_tool_calls: bool = True

    def __post_init__(self) -> None:
        for name, (least, most) in _RANGES.items():
            _check_number(name, getattr(self, name), least, most)
        _check_stops(self.stop)
        check_tools(self.tools, self.tool_choice)

    @property
    def offered(self) -> tuple[Tool, ...]:
        """The tools that the answer may call."""
        if self.tool_choice == "none":
            return ()
        named = tuple(tool for tool in self.tools if tool.name == self.tool_choice)
        return named or self.tools

    @property
    def must_call(self) -> bool:
        return bool(self.tools) and self.tool_choice not in ("none", "auto")

    @property
    def resumable(self) -> bool:
        """Whether an interrupted answer may go on from its tokens, or must begin again.

        From a prefix a seed's random numbers go another way, penalties forget what was said, a
        grammar begins anew in the middle of its JSON, and the prefix has no probabilities.
        """
        return all(getattr(self, name) is None for name in BEGUN_ANEW) and not self.offered


def sampling_written(sampling: Sampling) -> dict[str, Any]:
    """As JSON can hold it: what differs from the default."""
    untouched = Sampling()
    changed = [
        one.name
        for one in fields(sampling)
        if getattr(sampling, one.name) != getattr(untouched, one.name)
    ]
    everything = asdict(sampling)
    for tool in everything["tools"]:  # workers of an earlier version know no such field
        if not tool["strict"]:
            del tool["strict"]
    return {name: everything[name] for name in changed}


def sampling_read(written: Mapping[str, Any]) -> Sampling:
    """What `sampling_written` wrote, also after it was JSON."""
    given = dict(written)
    given["stop"] = tuple(given.get("stop") or ())
    given["tools"] = tuple(Tool(**one) for one in given.get("tools") or ())
    if made := given.get("format"):
        given["format"] = OutputFormat(**{**made, "choices": tuple(made["choices"])})
    return Sampling(**given)


def _check_number(name: str, value: Any, least: float, most: float) -> None:
    if value is None:
        return
    whole = name in _WHOLE
    numeric = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not numeric or not least <= value <= most:  # NaN is in no range
        kind = "a whole number" if whole else "a number"
        raise InvalidSampling(
            name, f"{name} must be {kind} from {least:,} to {most:,}, and is {value!r:.40}."
        )


def _check_stops(stops: tuple[str, ...]) -> None:
    if len(stops) > _MOST_STOPS:
        raise InvalidSampling("stop", f"There may be at most {_MOST_STOPS} stop strings.")
    for stop in stops:
        if not 1 <= len(stop) <= _MOST_STOP_CHARACTERS or "\0" in stop:
            raise InvalidSampling(
                "stop",
                f"A stop string has 1 to {_MOST_STOP_CHARACTERS} characters, and no NUL.",
            )
