"""Every statement that a message's way, or a person's order, executes; with values to try it.

`STATEMENTS` is held against the code by `tests/integration/test_plans.py`: a statement that is
written somewhere in `assistant/` and not listed here, nor in `rare_statements.py`, fails it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from assistant import conversations, fair, lines
from assistant.answering import (
    deadlines,
    history,
    memories,
    personas,
    places,
    revisions,
    turns,
)
from assistant.files import attachments, shown_files
from assistant.incoming import (
    access,
    backlog,
    control,
    intake,
    late_files,
    listening,
    loop_guard,
    persons,
    presence,
    quotas,
    spending,
)
from assistant.insight import channel_states, concerns, turns_now
from assistant.insight import personas as insight_personas
from assistant.messages import Attachment
from assistant.orders import export, feedback, usage
from assistant.outgoing import deliveries
from assistant.storage import heartbeat, leases, pruning
from inference.api import Image
from tests.support import search_statements
from tests.support.figure_statements import FIGURES
from tests.support.filling import Filled
from tests.support.hot_operations import OPERATIONS
from tests.support.hot_people import PEOPLE
from tests.support.trace_statements import TRACES

Values = Mapping[str, object]
# Of a database and the number of the try.
ValuesOf = Callable[[Filled, int], Values]

_fresh = count()
PICTURE = Image("image/png", b"an image", 4, 3)
FILE = Attachment("image", "file", media_type="image/png", data=b"an image")


@dataclass(frozen=True, slots=True)
class HotStatement:
    """`name` is the module's and the constant's; `sql` has psycopg's places for values."""

    name: str
    sql: str
    values_of: ValuesOf
    what: str = ""  # where a statement is listed twice


def _running(filled: Filled, number: int) -> int:
    return filled.running[number % len(filled.running)]


def _waiting(filled: Filled, number: int) -> int:
    return filled.waiting[number % len(filled.waiting)]


def _ended(filled: Filled, number: int) -> int:
    return 1 + number * 104_729 % filled.messages


def _chat(number: int) -> Values:
    return {"channel": "telegram", "account": "default", "chat": f"chat-{number}", "thread": ""}


def _order(conversation: int) -> Values:
    return {**_chat(conversation), "until": None}


def _message_of(filled: Filled, turn: int) -> Values:
    """Where the message is that began this turn: their ids are the same."""
    if turn in filled.running:
        conversation = filled.conversation_of(turn)
    else:
        conversation = 1 if turn % 10 == 0 else 2 + turn % (filled.conversations - 1)
    return {**_chat(conversation), "message": str(turn)}


_FAIRNESS = {
    **fair.values_of(),
    "most": 100,
    "tokens": 8,
    "deadline_seconds": 1800.0,
}


def _incoming(filled: Filled, conversation: int, sender: int | str) -> Values:
    number = next(_fresh)
    return {
        **_FAIRNESS,
        "free": ["worker"],
        "account": filled.account,
        "event": f"fresh-{number}",
        "chat": f"chat-{conversation}",
        "thread": "",
        "kind": "private",
        "sender": f"sender-{sender}",
        "sender_name": "Ana",
        "language": "de",
        "message": f"fresh-{number}",
        "text": "And how many people live there?",
        "album": "",
        "delivered": True,
    }


def _with_album(filled: Filled, number: int) -> int:
    """A message that is a part of one."""
    return _ended(filled, number) // 10 * 10 + 3


def _in_album(filled: Filled, number: int) -> Values:
    message = _with_album(filled, number)
    return {**_message_of(filled, message), "album": f"album-{message}"}


def _request(filled: Filled, number: int) -> Values:
    messages = '[{"position": 0, "role": "user", "text": "Hello"}]'
    given = {"account": filled.account, "chat": f"request-{next(_fresh)}", "messages": messages}
    who = {"sender": f"sender-{1 + number}", "sender_name": "billing"}
    return {**_FAIRNESS, **given, **who, "sampling": "{}"}


def _claim(filled: Filled, number: int) -> Values:
    return {
        "worker": "worker",
        "lease_seconds": 10.0,
        "fingerprint": "model",
        "limit": 32,
        "leave_seconds": 0.2,
        "profile": "demo",
        "by_text": False,
        "running": [_running(filled, number)],
    }


def _fence(filled: Filled, number: int) -> Values:
    return {"turn": _running(filled, number), "attempt": 1}


def _piece(filled: Filled, number: int) -> str:
    given = {"characters": 0, "added": "It lies on", "tokens": 0, "added_ids": [40_000, 40_001]}
    prompt = {
        "fingerprint": "model",
        "messages": [["user", "And now?"]],
        "prompt_ids": [*range(900)],
        "persona": "teacher",
        "persona_version": 2,
    }
    return json.dumps([{**_fence(filled, number), **given, **prompt}])


def _finish(filled: Filled, number: int) -> Values:
    return {
        **_fence(filled, number),
        "state": "done",
        "reply": "It lies on a river.",
        "finish_reason": "stop",
        "error_code": "",
        "error": "",
        "prompt_tokens": 900,
        "cached_tokens": 800,
        "output_tokens": 5,
        "tool_calls": '[{"id": "call_1", "name": "look", "arguments": "{}"}]',
        "stop_reason": None,
        "logprobs": '[["It", -0.1, []]]',
        "persona": "teacher",
        "persona_version": 1,
    }


def _beat(filled: Filled, number: int) -> Values:
    held = list(filled.running)
    return {"ids": held, "attempts": [1] * len(held), "owner": "worker", "seconds": 10.0}


def _of_turn(filled: Filled, number: int) -> Values:
    return {"turn": _running(filled, number)}


def _context(filled: Filled, number: int) -> Values:
    """The history of a turn that waits, or of the last of the long conversation."""
    conversation, turn = 1, filled.messages
    if number % 4:
        turn = _running(filled, number)
        conversation = filled.conversation_of(turn)
    return {"conversations": [conversation], "turns": [turn], "limit": 41}


def _person(number: int) -> Values:
    return {"account": 1, "sender": f"sender-{1 + number}"}


_HOT: Sequence[tuple[str, str, ValuesOf]] = (
    ("access.STANDING", access.STANDING, lambda f, n: {"account": 1, "sender": f"sender-{1 + n}"}),
    (
        "loop_guard.SPENT",
        loop_guard.SPENT,
        lambda f, n: {
            "account": 1,
            "bot": f"sender-{1 + n}",
            "chat": f"chat-{1 + n}",
            "seconds": 600.0,
        },
    ),
    (
        "presence.LIVE",
        presence.LIVE,
        lambda f, n: {"channel": "telegram", "account": "default", "chat": f"chat-{1 + n}"},
    ),
    (
        "access.LISTED_BEFORE",
        access.LISTED_BEFORE,
        lambda f, n: {"account": f.account, "chat": f"chat-{n}", "listed": ["chat-7", "chat-8"]},
    ),
    (
        "access.REQUEST",
        access.REQUEST,
        lambda f, n: {"account": 1, "sender": f"new-{n}", "name": "Ana", "code": f"CODE{n}"},
    ),
    (
        "access.PAIR",
        access.PAIR,
        lambda f, n: {"code": f"CODE{n}", "account": 1 if n % 2 else None},
    ),
    (
        "intake.STORE",
        intake.STORE,
        lambda f, n: _incoming(f, f.idle_conversation(n), f.idle_conversation(n)),
    ),
    (
        "intake.STORE_WITH_FILES",
        intake.STORE_WITH_FILES,
        lambda f, n: (
            _incoming(f, f.idle_conversation(n), f.idle_conversation(n))
            | attachments.values_of([FILE])
        ),
    ),
    ("shown_files.LOAD", shown_files.LOAD, lambda f, n: {"ids": [1 + n, 20 + n]}),
    (
        "intake.KNOWN_TURN",
        intake.KNOWN_TURN,
        lambda f, n: _message_of(f, _ended(f, n)) | {"account": 1, "event": f"event-{n}"},
    ),
    (
        "intake.ORDER",
        intake.ORDER,
        lambda f, n: {**_chat(f.idle_conversation(n)), "account": 1, "event": f"order:{n}"},
    ),
    ("intake.STORE_REQUEST", intake.STORE_REQUEST, _request),
    (
        "intake.STORE_REQUEST_WITH_IMAGES",
        intake.STORE_REQUEST_WITH_IMAGES,
        lambda f, n: _request(f, n) | attachments.images_of([[PICTURE]]),
    ),
    ("quotas.MADE", quotas.MADE, lambda f, n: {**_person(n), "seconds": 60.0}),
    ("quotas.SPENT", quotas.SPENT, lambda f, n: {**_person(n), "key": 1}),
    (
        "spending.CAME",
        spending.CAME,
        lambda f, n: _message_of(f, _ended(f, n)) | {"account": 1, "event": f"event-{n}"},
    ),
    (
        "intake.BURY",
        intake.BURY,
        lambda f, n: {
            "account": 1,
            "thread": "",
            "kind": "private",
            "message": f"buried-{n}",
            "chat": f"chat-{f.idle_conversation(n)}",
        },
    ),
    ("turns.CLAIM_EXPIRED", turns.CLAIM_EXPIRED, _claim),
    ("turns.CLAIM_QUEUED", turns.CLAIM_QUEUED, _claim),
    ("backlog.COUNT", backlog.COUNT, lambda f, n: {}),
    ("places.IN_ORDER", places.IN_ORDER, lambda f, n: {"limit": 10_000}),
    (
        "deadlines.END",
        deadlines.END,
        lambda f, n: {"limit": 100, "code": "deadline", "error": "Too late."},
    ),
    ("history.HISTORY", history.HISTORY, _context),
    (
        "turns.CHECKPOINT",
        turns.CHECKPOINT,
        lambda f, n: {"pieces": _piece(f, n)},
    ),
    ("turns.FINISH", turns.FINISH, _finish),
    (
        "turns.RELEASE",
        turns.RELEASE,
        lambda f, n: {**_fence(f, n), "after": 2.0, "failed": 1, "error": "engine"},
    ),
    ("turns.WATCH", turns.WATCH, lambda f, n: {"turns": list(f.running)}),
    ("turns.SHOW", turns.SHOW, _fence),
    ("turns.READ", turns.READ, lambda f, n: {"turn": _ended(f, n)}),
    (
        "turns.READ_SILENT",
        turns.READ_SILENT,
        lambda f, n: {"turns": list(f.running), "characters": [0] * len(f.running)},
    ),
    ("turns.TAKE_LOGPROBS", turns.TAKE_LOGPROBS, lambda f, n: {"turn": _ended(f, n)}),
    ("turns.CHAT", turns.CHAT, lambda f, n: {"turn": _ended(f, n)}),
    ("turns.STOP", turns.STOP, _of_turn),
    ("heartbeat.RENEW turn", heartbeat.RENEW["turn"], _beat),
    (
        "heartbeat.RENEW delivery",
        heartbeat.RENEW["delivery"],
        lambda f, n: _beat(f, n) | {"owner": "gateway"},
    ),
    (
        "heartbeat.RENEW lease",
        heartbeat.RENEW["lease"],
        lambda f, n: {"ids": ["telegram:default"], "owner": "gateway", "seconds": 10.0},
    ),
    (
        "leases.ACQUIRE",
        leases.ACQUIRE,
        lambda f, n: {"name": f"lease-{n}", "owner": "gateway", "seconds": 10.0},
    ),
    ("leases.RELEASE", leases.RELEASE, lambda f, n: {"name": f"lease-{n}", "owner": "gateway"}),
    (
        "deliveries.CLAIM",
        deliveries.CLAIM,
        lambda f, n: {
            "accounts": [1],
            "limit": 200,
            "owner": "gateway",
            "lease_seconds": 10.0,
            "begun": True,
        },
    ),
    (
        "deliveries.BEGIN",
        deliveries.BEGIN,
        lambda f, n: {**_fence(f, n), "position": 0, "kind": "edit"},
    ),
    (
        "deliveries.CLOSE",
        deliveries.CLOSE,
        lambda f, n: {
            **_of_turn(f, n),
            "attempt": 1,
            "intent": 2 * _ended(f, n),
            "state": "sent",
            "message": "7",
            "error": "",
            "characters": 100,
        },
    ),
    (
        "deliveries.LATE",
        deliveries.LATE,
        lambda f, n: {**_of_turn(f, n), "intent": 2 * _ended(f, n), "before": "failed"},
    ),
    ("deliveries.POSTS", deliveries.POSTS, _of_turn),
    ("deliveries.EDITED", deliveries.EDITED, _of_turn),
    (
        "deliveries.END",
        deliveries.END,
        lambda f, n: {**_fence(f, n), "state": "done", "error": ""},
    ),
    (
        "deliveries.PUT_OFF",
        deliveries.PUT_OFF,
        lambda f, n: {**_fence(f, n), "seconds": 60.0, "error": "unavailable"},
    ),
    ("deliveries.RELEASE", deliveries.RELEASE, lambda f, n: {"owner": "gateway"}),
    ("deliveries.UNCOVER", deliveries.UNCOVER, lambda f, n: _of_turn(f, n) | {"message": "7"}),
    (
        "revisions.EDIT",
        revisions.EDIT,
        lambda f, n: {
            **_message_of(f, _ended(f, n)),
            "event": f"edit-{n}",
            "text": "And what is its river?",
        },
    ),
    ("revisions.KNOWN", revisions.KNOWN, lambda f, n: _message_of(f, _ended(f, n))),
    ("revisions.SIBLING", revisions.SIBLING, _in_album),
    (
        "revisions.PART",
        revisions.PART,
        lambda f, n: {
            **_message_of(f, _with_album(f, n)),
            **_in_album(f, n),
            **attachments.values_of([FILE]),
            "event": f"part-{next(_fresh)}",
            "part": f"part-{next(_fresh)}",
            "text": "",
        },
    ),
    ("revisions.AGAIN", revisions.AGAIN, lambda f, n: {"turn": _ended(f, n)}),
    ("revisions.HOLD", revisions.HOLD, lambda f, n: _message_of(f, _ended(f, n))),
    (
        "revisions.HOLD_DELIVERIES",
        revisions.HOLD_DELIVERIES,
        lambda f, n: _message_of(f, _ended(f, n)),
    ),
    (
        "revisions.HOLD_TURNS",
        revisions.HOLD_TURNS,
        lambda f, n: _message_of(f, _ended(f, n)),
    ),
    (
        "revisions.HOLD_DELIVERIES_OF_TURN",
        revisions.HOLD_DELIVERIES_OF_TURN,
        lambda f, n: {"turn": _ended(f, n)},
    ),
    (
        "revisions.FORGET_REPLACED",
        revisions.FORGET_REPLACED,
        lambda f, n: _message_of(f, _ended(f, n)),
    ),
    ("revisions.HOLD_OF_TURN", revisions.HOLD_OF_TURN, lambda f, n: {"turn": _ended(f, n)}),
    ("revisions.RETRY", revisions.RETRY, lambda f, n: {"turn": _ended(f, n)}),
    ("revisions.DELETE", revisions.DELETE, lambda f, n: _message_of(f, _ended(f, n))),
    ("revisions.REMOVE", revisions.REMOVE, lambda f, n: _message_of(f, _ended(f, n))),
    ("revisions.EMPTY_STOPPED", revisions.EMPTY_STOPPED, lambda f, n: _message_of(f, _ended(f, n))),
    ("late_files.WAIT", late_files.WAIT, lambda f, n: _of_turn(f, n) | {"seconds": 30.0}),
    (
        "late_files.FILL",
        late_files.FILL,
        lambda f, n: _message_of(f, _ended(f, n)) | attachments.values_of([FILE]),
    ),
    ("late_files.THERE", late_files.THERE, lambda f, n: _message_of(f, _ended(f, n))),
    ("late_files.GO_ON", late_files.GO_ON, _of_turn),
    ("control.LIVE_TURNS", control.LIVE_TURNS, lambda f, n: _order(2 + n % 20)),
    ("control.NEW", control.NEW, lambda f, n: _order(f.idle_conversation(n))),
    ("control.LAST", control.LAST, lambda f, n: _order(f.idle_conversation(n))),
    (
        "control.UNDER_WAY",
        control.UNDER_WAY,
        lambda f, n: _chat(2 + n % 20),
    ),
    ("control.LIVE_ALONE", control.LIVE_ALONE, lambda f, n: {"person": 2 + n % 20}),
    ("control.PERSONS_UNDER_WAY", control.PERSONS_UNDER_WAY, lambda f, n: {"person": 2 + n % 20}),
    (
        "control.ABOUT",
        control.ABOUT,
        lambda f, n: {**_chat(f.idle_conversation(n)), "message": str(_ended(f, n))},
    ),
    (
        "listening.TAKES_PART",
        listening.TAKES_PART,
        lambda f, n: _chat(f.idle_conversation(n)),
    ),
    (
        "listening.HEARD_UNTIL",
        listening.HEARD_UNTIL,
        lambda f, n: _chat(f.idle_conversation(n)),
    ),
    (
        "listening.BE_QUIET",
        listening.BE_QUIET,
        lambda f, n: _order(f.idle_conversation(n)),
    ),
    ("control.CONVERSATIONS", control.CONVERSATIONS, lambda f, n: _chat(f.idle_conversation(n))),
    ("persons.FIND", persons.FIND, lambda f, n: {**_person(n), "name": "Ana"}),
    ("persons.KNOWN", persons.KNOWN, lambda f, n: _person(n)),
    ("persons.LANGUAGE", persons.LANGUAGE, lambda f, n: {**_person(n), "told": "de"}),
    ("persons.CHOOSE", persons.CHOOSE, lambda f, n: {"person": 1 + n, "language": "de"}),
    ("memories.HOLD", memories.HOLD, lambda f, n: {"person": 1 + n}),
    (
        "personas.CURRENT",
        personas.CURRENT,
        lambda f, n: {**_chat(f.idle_conversation(n)), "account": 1},
    ),
    (
        "personas.SWITCH",
        personas.SWITCH,
        lambda f, n: {
            **_chat(f.idle_conversation(n)),
            "account": 1,
            "kind": "private",
            "persona": "brief",
        },
    ),
    ("personas.CHOSEN", insight_personas.CHOSEN, lambda f, n: {}),
    (
        "personas.PLACES",
        insight_personas.PLACES,
        lambda f, n: {"name": "teacher", "limit": 100},
    ),
    (
        "usage.READ",
        usage.READ,
        lambda f, n: {
            **_chat(f.idle_conversation(n)),
            "account": 1,
            "person": 30 + n,
            "everywhere": n % 2 == 0,
        },
    ),
    (
        "feedback.GIVE",
        feedback.GIVE,
        lambda f, n: {
            "turn": _ended(f, n),
            "person": 1 + n,
            "value": 1,
            "event": f"press-{n}",
        },
    ),
    (
        "export.PAGE",
        export.PAGE,
        lambda f, n: {**_chat(f.idle_conversation(n)), "before": f.messages // 2, "limit": 200},
    ),
    (
        "conversations.HISTORY",
        conversations.HISTORY,
        lambda f, n: {**_chat(f.idle_conversation(n)), "limit": 50},
    ),
    (
        "lines.KEEP",
        lines.KEEP,
        lambda f, n: {
            "said": '[{"channel": "telegram", "account": "default", "heard": 1.5,'
            ' "error": "Telegram can not be reached.", "failed": 9.0}]'
        },
    ),
    ("channel_states.READ", channel_states.READ, lambda f, n: {"days": 1.0, "ours": "admin"}),
    ("turns_now.COUNT", turns_now.COUNT, lambda f, n: {}),
    ("turns_now.RUNNING", turns_now.RUNNING, lambda f, n: {"limit": turns_now.SHOWN}),
    ("turns_now.WAITING", turns_now.WAITING, lambda f, n: {"limit": turns_now.SHOWN}),
    ("concerns.READ", concerns.READ, lambda f, n: {}),
    ("pruning.PRUNE", pruning.PRUNE, lambda f, n: {"days": 6.9, "limit": pruning.BATCH}),
    (
        "pruning.PRUNE_LOGPROBS",
        pruning.PRUNE_LOGPROBS,
        lambda f, n: {"seconds": 900.0, "limit": pruning.BATCH},
    ),
)
_ALL = (*_HOT, *PEOPLE, *TRACES, *FIGURES, *OPERATIONS, *search_statements.STATEMENTS)
STATEMENTS = tuple(HotStatement(name, one, values) for name, one, values in _ALL)
