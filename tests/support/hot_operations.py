"""What an admin's operations execute, with values to try it; a part of `hot_path.STATEMENTS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from assistant.answering import retries
from assistant.insight import failures, queue, undelivered
from assistant.orders import news
from assistant.outgoing import broadcasts, redelivery
from tests.support.filling import BROADCASTS, NEWS_EVERY, Filled

Values = Mapping[str, object]

_LIMIT: Values = {"limit": 50}


def _failed(filled: Filled, number: int) -> list[int]:
    """Turns that ended so, as they are filled in."""
    return [107 + 100 * (number * 31 + one) % (filled.messages - 107) for one in range(3)]


def _subscriber(number: int) -> int:
    return NEWS_EVERY * (1 + number)


def _post(filled: Filled, number: int) -> Values:
    where = {"broadcast": BROADCASTS, "conversation": _subscriber(number), "owner": "gateway"}
    return {**where, "seconds": 60.0, "state": "sent", "error": ""}


def _chat(filled: Filled, number: int) -> Values:
    return {
        "account": filled.account,
        "chat": f"chat-{_subscriber(number)}",
        "thread": "",
        "kind": "private",
        "language": "de",
    }


OPERATIONS: Sequence[tuple[str, str, Callable[[Filled, int], Values]]] = (
    ("retries.FAILED", retries.FAILED, lambda f, n: {"code": "", "limit": 501}),
    ("retries.HOLD_ALL", retries.HOLD_ALL, lambda f, n: {"turns": _failed(f, n)}),
    (
        "retries.HOLD_ALL_DELIVERIES",
        retries.HOLD_ALL_DELIVERIES,
        lambda f, n: {"turns": _failed(f, n)},
    ),
    ("retries.AGAIN_ALL", retries.AGAIN_ALL, lambda f, n: {"turns": _failed(f, n)}),
    ("failures.BY_CODE", failures.BY_CODE, lambda f, n: {"limit": failures.LOOKED_AT}),
    (
        "failures.NEWEST",
        failures.NEWEST,
        lambda f, n: {**_LIMIT, "code": "", "until": None, "before": 2**62},
    ),
    ("queue.RUNNING", queue.RUNNING, lambda f, n: _LIMIT),
    ("queue.WAITING", queue.WAITING, lambda f, n: _LIMIT),
    ("queue.SHARES", queue.SHARES, lambda f, n: {}),
    ("undelivered.NOT_SHOWN", undelivered.NOT_SHOWN, lambda f, n: _LIMIT),
    ("undelivered.PUT_OFF", undelivered.PUT_OFF, lambda f, n: _LIMIT),
    ("undelivered.IN_DOUBT", undelivered.IN_DOUBT, lambda f, n: _LIMIT),
    ("redelivery.AGAIN", redelivery.AGAIN, lambda f, n: {"turn": 107}),
    ("redelivery.AGAIN_ALL", redelivery.AGAIN_ALL, lambda f, n: {"limit": 500}),
    ("redelivery.SETTLE", redelivery.SETTLE, lambda f, n: {"turn": 107}),
    ("news.WANTED", news.WANTED, _chat),
    ("news.ASK", news.ASK, _chat),
    ("news.END", news.END, _chat),
    (
        "broadcasts.START",
        broadcasts.START,
        lambda f, n: {"text": "A new model.", "channel": "", "sent_by": "root"},
    ),
    ("broadcasts.STOP", broadcasts.STOP, lambda f, n: {"broadcast": BROADCASTS}),
    (
        "broadcasts.CLAIM",
        broadcasts.CLAIM,
        lambda f, n: {"accounts": [1], "limit": 20, "owner": "gateway", "seconds": 60.0},
    ),
    ("broadcasts.BEGIN", broadcasts.BEGIN, _post),
    ("broadcasts.CLOSE", broadcasts.CLOSE, _post),
    ("broadcasts.PUT_BACK", broadcasts.PUT_BACK, _post),
    ("broadcasts.LOST", broadcasts.LOST, lambda f, n: {}),
    ("broadcasts.EXPIRED", broadcasts.EXPIRED, lambda f, n: {}),
    ("broadcasts.DONE", broadcasts.DONE, lambda f, n: {}),
    ("broadcasts.NO_NEWS", broadcasts.NO_NEWS, lambda f, n: {"conversation": _subscriber(n)}),
    ("broadcasts.NEWEST", broadcasts.NEWEST, lambda f, n: _LIMIT),
    ("broadcasts.ONE", broadcasts.ONE, lambda f, n: {"broadcast": 1}),
    ("broadcasts.WANTED", broadcasts.WANTED, lambda f, n: {}),
)
