"""A fault planted in a running process of ours: one function is wrapped, and struck once.

The code under test has no hooks. Planting replaces a function where it is looked up, and clearing
puts it back.
"""

from __future__ import annotations

import inspect
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import wraps
from importlib import import_module
from typing import Any, Literal

from inference.errors import EngineUnavailable

Deed = Literal["kill", "freeze", "fail", "die", "skip"]
Report = Callable[[], None]

CHANNELS = {
    "telegram": "bots.telegram.channel:TelegramChannel",
    "slack": "bots.slack.channel:SlackChannel",
}

# Which calls count. Each is given the call's arguments and, after it, its result.
CONDITIONS: Mapping[str, Callable[[tuple[Any, ...], Mapping[str, Any], Any], bool]] = {
    "": lambda args, named, result: True,
    "something": lambda args, named, result: bool(result),
    "text": lambda args, named, result: bool(args[1].text),
    "end": lambda args, named, result: args[1].finish_reason is not None,
    "final": lambda args, named, result: args[3].final,
    "growing": lambda args, named, result: not args[3].final and bool(args[3].text),
}


@dataclass(frozen=True, slots=True)
class Plant:
    """`target` is `module:function` or `module:Class.method`; `channel:method` is the channel's.

    At the `nth` call that counts, right before or after it, the deed is done:
    kill (SIGKILL), freeze (SIGSTOP), fail (the engine's error), die (the engine is dead from now
    on), skip (the call is not made).
    """

    target: str
    when: Literal["before", "after"] = "after"
    nth: int = 1
    only: str = ""
    deed: Deed = "kill"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Planted:
    """A plant in this process. `clear` takes it out again."""

    def __init__(self, plant: Plant, channel: str, report: Report) -> None:
        self._plant = plant
        self._report = report
        self._left = plant.nth
        self._place, self._name = resolve(plant.target, channel)
        self._original = inspect.getattr_static(self._place, self._name)
        setattr(self._place, self._name, self._wrapped(self._original))

    def clear(self) -> None:
        setattr(self._place, self._name, self._original)

    def _wrapped(self, call: Callable[..., Any]) -> Callable[..., Any]:
        before = self._plant.when == "before"

        @wraps(call)
        async def in_turn(*args: Any, **named: Any) -> Any:
            if before and self._struck(args, named, None):
                return None
            result = await call(*args, **named)
            if not before:
                self._struck(args, named, result)
            return result

        @wraps(call)
        def at_once(*args: Any, **named: Any) -> Any:
            if before and self._struck(args, named, None):
                return None
            result = call(*args, **named)
            if not before:
                self._struck(args, named, result)
            return result

        return in_turn if inspect.iscoroutinefunction(call) else at_once

    def _struck(self, args: tuple[Any, ...], named: Mapping[str, Any], result: Any) -> bool:
        """Do the deed if it is time. True: the call shall be left out."""
        if self._left <= 0 or not CONDITIONS[self._plant.only](args, named, result):
            return False
        self._left -= 1
        if self._left:
            return False
        self._report()
        match self._plant.deed:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "freeze":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "fail":
                raise EngineUnavailable("The engine broke off here, as it was told to.")
            case "die":
                args[0].engine._state = "dead"
                raise EngineUnavailable("The engine died here, as it was told to.")
        return self._plant.deed == "skip"


def resolve(target: str, channel: str) -> tuple[Any, str]:
    """The class or module that holds the function, and the function's name."""
    module, _, path = target.partition(":")
    if module == "channel":
        module, _, owner = CHANNELS[channel].partition(":")
        path = f"{owner}.{path}"
    *owners, name = path.split(".")
    place: Any = import_module(module)
    for owner in owners:
        place = getattr(place, owner)
    return place, name
