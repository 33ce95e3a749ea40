"""What pages about people, quotas and links execute, with values to try it; a part of
`hot_path.STATEMENTS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from assistant.incoming import entry, links, spending
from assistant.insight import doors, people, quota_list
from tests.support.filling import Filled

Values = Mapping[str, object]


def _person(number: int) -> Values:
    return {"account": 1, "sender": f"sender-{1 + number}"}


def _spending(chat: str) -> Values:
    return {"account": 1, "chat": chat, "subject": f"chat:1:{chat}", "each": "chat:*"}


PEOPLE: Sequence[tuple[str, str, Callable[[Filled, int], Values]]] = (
    (
        "spending.OF_PERSON",
        spending.OF_PERSON,
        lambda f, n: {**_person(30 + n), "person": None, "each": "person:*"},
    ),
    ("spending.OF_CHAT", spending.OF_CHAT, lambda f, n: _spending("chat-1")),
    ("spending.OF_ACCOUNT", spending.OF_ACCOUNT, lambda f, n: _spending("")),
    ("entry.DECIDED", entry.DECIDED, lambda f, n: {}),
    *(
        (f"links.{name}", getattr(links, name), lambda f, n: {"person": 30 + n, "other": 40 + n})
        for name in (
            *(
                "BARRED",
                "HOLD",
                "HOLD_OTHER",
                "IDENTITIES",
                "TURNS",
                "ENTRIES",
                "USAGE",
                "FEEDBACK",
            ),
            *("LANGUAGE", "GONE", "NAMED"),
        )
    ),
    (
        "people.NEWEST",
        people.NEWEST,
        lambda f, n: {"before": f.conversations, "limit": 51},
    ),
    ("people.BLOCKED", people.BLOCKED, lambda f, n: {"before": people.FIRST, "limit": 51}),
    ("people.PERSON", people.PERSON, lambda f, n: {"person": 30 + n}),
    ("people.IDENTITIES", people.IDENTITIES, lambda f, n: {"person": 30 + n}),
    ("people.USED", people.USED, lambda f, n: {"person": 30 + n, "days": 30}),
    ("doors.ACCOUNTS", doors.ACCOUNTS, lambda f, n: {"without": ["web", "api"]}),
    ("doors.REQUESTS", doors.REQUESTS, lambda f, n: {"limit": 101}),
    (
        "quota_list.LISTED",
        quota_list.LISTED,
        lambda f, n: {"before": quota_list.FIRST, "limit": 41},
    ),
    ("links.PART", links.PART, lambda f, n: {"identity": 30 + n}),
    ("links.PART_USAGE", links.PART_USAGE, lambda f, n: {"person": n, "from": 30, "account": 1}),
    ("links.IDENTITY", links.IDENTITY, lambda f, n: _person(n)),
)
