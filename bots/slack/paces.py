"""What Slack's Web API takes, method by method. Source: its pages on rate limits, tiers 2 to 4.

Slack counts a method's calls of a workspace by the minute.
"""

from __future__ import annotations

from assistant.channel import Pace


def _tier(meter: str, calls: int, seconds: float, *, by_thread: bool = True) -> Pace:
    """`calls` a minute; `seconds` between two in one chat or thread."""
    return Pace(seconds, seconds, calls, account_seconds=60.0, meter=meter, by_thread=by_thread)


# chat.postMessage: one a second in a channel, a few more at once; some hundreds a minute in all. A
# little slower than that: those that were made at once are counted with those that come then.
POST = _tier("post", 240, 1.4, by_thread=False)
UPDATE = _tier("update", 50, 1.0)
START = _tier("start", 20, 0.1)
APPEND = _tier("append", 100, 0.8)
STOP = _tier("stop", 20, 0.1)
OTHER = _tier("other", 50, 0.5)
