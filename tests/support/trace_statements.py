"""What writes traces, reads them and asks experiments; with values to try it (`hot_path.py`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import count

from assistant.answering import experiments, revisions, traces
from assistant.files import attachments
from assistant.incoming import arrivals
from assistant.insight import prompts, recent_turns, trace
from assistant.storage import database_clock, pruning
from inference.api import Image
from tests.support.filling import Filled

Values = Mapping[str, object]
ValuesOf = Callable[[Filled, int], Values]

_PICTURE = Image("image/png", b"an image", 4, 3)
_fresh = count()


def _ended(filled: Filled, number: int) -> int:
    return 1 + number * 104_729 % filled.messages


def _ask(filled: Filled, number: int) -> Values:
    return {
        "account": filled.account,
        "chat": f"experiment-{next(_fresh)}",
        "messages": '[{"position": 0, "role": "user", "text": "Hello"}]',
        "sampling": "{}",
        "profile": "",
        "persona": "teacher",
        "repeats": _ended(filled, number),
        "asked_by": "root",
        "deadline_seconds": 180.0,
    }


def _arrived(filled: Filled, number: int) -> Values:
    steps = dict.fromkeys(("received", "committed", "dispatched", "acknowledged"), 1.7e9)
    many = [{"message": _ended(filled, number + one), **steps} for one in range(20)]
    return {"arrivals": json.dumps(many)}


def _traced(filled: Filled, number: int) -> Values:
    steps = {**dict.fromkeys(traces.STEPS, 1.7e9), "context": {"parts": []}}
    counts = dict.fromkeys(("resumed", "prompt", "cached", "output"), 7)
    words = {"attempt": 1, "profile": "demo", "model": "small", "outcome": "done"}
    many = [{"turn": _ended(filled, number + one), **steps, **counts, **words} for one in range(20)]
    return {"traces": json.dumps(many), "instructions": json.dumps({"digest": "Be brief."})}


def _turn(filled: Filled, number: int) -> Values:
    return {"turn": _ended(filled, number), "limit": trace.MOST}


def _recent(filled: Filled, number: int) -> Values:
    return {
        "before": _ended(filled, number),
        "conversation": 1 + number,
        "among": recent_turns.AMONG,
        "slowest": number % 2 == 0,
        "limit": 51,
    }


def _parts(filled: Filled, number: int) -> Values:
    """The last turns of the long conversation."""
    ids = [one for one in range(filled.messages - 400, filled.messages) if one % 10 == 0]
    return {"turns": ids, "messages": ids, "conversation": 1}


def _old(filled: Filled, number: int) -> Values:
    return {"days": 699.0, "limit": pruning.BATCH}


TRACES: Sequence[tuple[str, str, ValuesOf]] = (
    ("experiments.ASK", experiments.ASK, _ask),
    (
        "experiments.ASK_WITH_IMAGES",
        experiments.ASK_WITH_IMAGES,
        lambda f, n: {**_ask(f, n), **attachments.images_of([[_PICTURE]])},
    ),
    ("experiments.KNOWN", experiments.KNOWN, _turn),
    (
        "revisions.FORGET_EXPERIMENTS",
        revisions.FORGET_EXPERIMENTS,
        lambda f, n: {
            "channel": "telegram",
            "account": "default",
            "chat": "chat-1",
            "message": str(10 * (1 + n)),
        },
    ),
    ("database_clock.NOW", database_clock.NOW, lambda f, n: {}),
    ("arrivals.WRITE", arrivals.WRITE, _arrived),
    ("traces.WRITE", traces.WRITE, _traced),
    ("trace.TURN", trace.TURN, _turn),
    ("trace.MESSAGES", trace.MESSAGES, _turn),
    ("trace.ATTEMPTS", trace.ATTEMPTS, _turn),
    ("trace.DELIVERY", trace.DELIVERY, _turn),
    ("trace.CALLS", trace.CALLS, _turn),
    ("trace.EXPERIMENTS", trace.EXPERIMENTS, _turn),
    ("recent_turns.RECENT", recent_turns.RECENT, _recent),
    ("recent_turns.OF_CONVERSATION", recent_turns.OF_CONVERSATION, _recent),
    ("prompts.TEXTS", prompts.TEXTS, _parts),
    ("prompts.INSTRUCTIONS", prompts.INSTRUCTIONS, lambda f, n: {"digest": "digest"}),
    ("prompts.MEMORIES", prompts.MEMORIES, _turn),
    ("pruning.PRUNE_EXPERIMENTS", pruning.PRUNE_EXPERIMENTS, _old),
    ("pruning.PRUNE_TRACES", pruning.PRUNE_TRACES, _old),
    ("pruning.PRUNE_ARRIVALS", pruning.PRUNE_ARRIVALS, _old),
)
