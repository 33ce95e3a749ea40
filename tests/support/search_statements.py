"""The statements by which conversations are entered, found and read, with values to try them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from assistant.incoming import persons
from assistant.insight import reader, search, spelling
from assistant.insight.content_access import CONSENTED, CONSENTED_EACH
from assistant.storage import search_entries
from tests.support.filling import Filled

Values = Mapping[str, object]
EVERYWHERE: Values = {"limit": search.PAGE + 1, "recent": search.RECENT}
RECENTLY = datetime.now(UTC) - timedelta(days=30)
NEAR = CONSENTED.format(table="entry")
OF_TURN = CONSENTED_EACH.format(table="turns")


def _turns(filled: Filled, number: int) -> list[int]:
    return [1 + (number + 1) * 104_729 * n % filled.messages for n in range(1, 26)]


def _with(query: str, **values: object) -> Callable[[Filled, int], Values]:
    return lambda filled, number: {**EVERYWHERE, "query": query, **values}


def _of_conversation(filled: Filled, number: int) -> Values:
    conversation = filled.idle_conversation(number)
    return {"conversation": conversation, "than": reader.NEWEST, "limit": reader.PAGE + 1}


_PERSON: Values = {"people": [150]}
_CURSOR: Values = {"before_at": RECENTLY, "before_turn": 30_000}

Statements = tuple[tuple[str, str, Callable[[Filled, int], Values]], ...]
# Of the way of messages and of people's orders.
STATEMENTS: Statements = (
    ("search_entries.DUE", search_entries.DUE, lambda f, n: {"limit": search_entries.BATCH}),
    (
        "search_entries.TEXTS",
        search_entries.TEXTS,
        lambda f, n: {"turns": _turns(f, n), "characters": search_entries.TEXT_CHARACTERS},
    ),
    (
        "search_entries.ENTER",
        search_entries.ENTER,
        lambda f, n: {"turns": [f.waiting[n]], "vectors": ["'capital':1 'river':2,3"]},
    ),
    (
        "search_entries.LEARN",
        search_entries.LEARN,
        lambda f, n: {"words": ["capital"], "spellings": ["capital"], "entries": [1]},
    ),
    ("search_entries.FORGET", search_entries.FORGET, lambda f, n: {"turns": _turns(f, n)[:3]}),
    ("persons.CONSENT", persons.CONSENT, lambda f, n: {"person": 1 + n, "allowed": True}),
    ("persons.CONSENTED", persons.CONSENTED, lambda f, n: {"person": 1 + n}),
)
# Of the pages of admins: the latest are read in their order, as many as a page has.
PAGES: Statements = (
    (
        "spelling.LIKE",
        spelling.LIKE,
        lambda f, n: {"words": ["captial"], "spellings": ["captial"], "most": 60},
    ),
    (
        "spelling.SWAPPED",
        spelling.SWAPPED,
        lambda f, n: {"typed": ["captial"], "words": ["capital"]},
    ),
    (
        "search.NAMED",
        search.NAMED,
        lambda f, n: {"pattern": "%Person 17%", "most": 100},
    ),
    (
        "search.NAMED_NEARLY",
        search.NAMED_NEARLY,
        lambda f, n: {"name": "Persn 17", "most": 100},
    ),
    ("search.latest", search.latest(EVERYWHERE), _with("")),
    ("search.latest of a person", search.latest(_PERSON), _with("", **_PERSON)),
    ("search.latest, a later page", search.latest(_CURSOR), _with("", **_CURSOR)),
    ("search.latest that failed", search.latest({"failed": True}), _with("")),
    ("search.latest of a persona", search.latest({"persona": 1}), _with("", persona="teacher")),
    ("search.latest with a thumb", search.latest({"thumb": -1}), _with("", thumb=-1)),
    (
        "search.latest of a channel",
        search.latest({"accounts": 1}),
        _with("", accounts=[1]),
    ),
    (
        "search.latest since a day",
        search.latest({"since": 1, "until": 1}),
        _with("", since=RECENTLY, until=RECENTLY + timedelta(days=1)),
    ),
    ("search.among_latest", search.among_latest({}), _with("'capital':*")),
    (
        "search.among_latest of who consented",
        search.among_latest_consented({}),
        _with("'capital':*"),
    ),
    (
        "search.among_all of who consented",
        search.among_all({}, NEAR),
        _with("'4711':* & 'river'"),
    ),
    ("search.among_all", search.among_all({}), _with("'4711':* & 'river'")),
    (
        "search.among_all of a person",
        search.among_all(_PERSON),
        _with("'capital':*", **_PERSON),
    ),
    (
        "search.details",
        search.details("true"),
        lambda f, n: {"turns": _turns(f, n), "texts": True, "characters": 50_000},
    ),
    ("reader.HEAD", reader.HEAD, lambda f, n: {"conversation": f.idle_conversation(n)}),
    ("reader.exchanges", reader.exchanges("true") + reader._OLDER, _of_conversation),
    (
        "reader.exchanges by consent",
        reader.exchanges(OF_TURN) + reader._NEWER,
        lambda f, n: {**_of_conversation(f, n), "than": 100},
    ),
    ("reader.SAID", reader.SAID, lambda f, n: {"turns": _turns(f, n)}),
    (
        "reader.FILES",
        reader.FILES,
        lambda f, n: {"messages": _turns(f, n), "characters": 2_000},
    ),
    (
        "reader.REPLACED",
        reader.REPLACED,
        lambda f, n: {"conversation": f.idle_conversation(n), "places": _turns(f, n)},
    ),
)
