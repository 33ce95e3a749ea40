"""What Slack's Web API takes, method by method. Source: its pages on rate limits, tiers 2 to 4.

Slack counts a method's calls of a workspace by the minute. In any minute no more comes together
than the burst and what the rate gives: the tier.
"""

from __future__ import annotations

from assistant.channel import Pace

MINUTE = 60.0


def _tier(meter: str, calls: int, burst: int, seconds: float, *, by_thread: bool) -> Pace:
    """`calls` a minute, of which `burst` at once; `seconds` between two in one chat or thread."""
    rate = (calls - burst) / MINUTE
    return Pace(seconds, seconds, rate, account_burst=burst, meter=meter, by_thread=by_thread)


# chat.postMessage: one a second in a channel, a few more at once; some hundreds a minute in all. A
# little slower than that: those that were made at once are counted with those that come then.
POST = _tier("post", 240, 20, 1.4, by_thread=False)
UPDATE = _tier("update", 50, 12, 1.0, by_thread=True)
START = _tier("start", 20, 8, 0.1, by_thread=True)
APPEND = _tier("append", 100, 16, 0.8, by_thread=True)
STOP = _tier("stop", 20, 8, 0.1, by_thread=True)
OTHER = _tier("other", 50, 12, 0.5, by_thread=True)
