"""A database as it is after long use: many messages, each answered, and some turns at work.

Filled by SQL. A tenth of all messages are in one conversation (a group of years), the others are
spread over the rest; neighbours in a conversation lie far apart in the tables, as in life.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import ClientCursor, Connection, sql

from assistant.answering.prompt_parts import Part, Recipe, recipe_written

RUNNING = 40
EXPIRED = 5  # of them: their worker fell silent
WAITING = 100
IN_A_CONVERSATION = 50
# Of each trace: as long as most are, with other turns' ids than its own.
RECIPE = Recipe(
    (
        Part("instructions", "0" * 32, 400, 90),
        *(Part("earlier", "0" * 32, 300, 70, 40, one, (one,)) for one in range(1, 6)),
        Part("own", "0" * 32, 80, 20, None, 6, (6,)),
    ),
    tokens=470,
)
LEAST_EVENTS = 10_000
BATCH = 1_000_000
NEWS_EVERY = 50  # one of so many conversations asked for news
BROADCASTS = 200

TABLES = (
    *("persons", "identities", "conversations", "events", "messages", "turns"),
    *("turn_messages", "attempts", "deliveries", "delivery_intents", "attachments"),
    *("memories", "feedback", "search_entries", "search_words"),
    *("usage_days", "arrivals", "traces", "broadcast_posts"),
    *("figures", "figure_latencies", "figure_people"),
)

_SINCE = "now() - (%(messages)s - n) * (interval '700 days' / %(messages)s)"
# Conversation 1 has a tenth of the messages.
_CONVERSATION = "CASE WHEN n %% 10 = 0 THEN 1 ELSE 2 + n %% (%(conversations)s - 1) END"
# Each fifth is the teacher's, in one of three versions.
_PERSONA = "CASE WHEN n %% 5 = 3 THEN 'teacher' ELSE 'default' END, 1 + n %% 3"
_ONCE = (
    "INSERT INTO accounts (id, channel, name) OVERRIDING SYSTEM VALUE"
    " VALUES (1, 'telegram', 'default')",
    "INSERT INTO persons (id, name, consented_at) OVERRIDING SYSTEM VALUE"
    " SELECT n, 'Person ' || n, CASE WHEN n %% 100 = 5 THEN now() END"
    " FROM generate_series(1, %(conversations)s) AS n",
    "INSERT INTO identities (id, person_id, account_id, platform_id, name, access)"
    " OVERRIDING SYSTEM VALUE SELECT n, n, 1, 'sender-' || n, 'Person ' || n, 'allowed'"
    " FROM generate_series(1, %(conversations)s) AS n",
    "INSERT INTO conversations (id, account_id, chat_id, kind) OVERRIDING SYSTEM VALUE"
    " SELECT n, 1, 'chat-' || n, CASE n WHEN 1 THEN 'group' ELSE 'private' END"
    " FROM generate_series(1, %(conversations)s) AS n",
    # As many words as people use, beside those that are entered below.
    "INSERT INTO search_words (word, spelling, entries)"
    " SELECT DISTINCT ON (word) word, word, 1 FROM ("
    " SELECT left(translate(md5(n::text), '0123456789', 'ghijklmnop'), 5 + n %% 7) AS word"
    " FROM generate_series(1, 100000) AS n"
    " UNION ALL SELECT unnest(ARRAY['capital', 'country', 'people', 'river'])) AS made",
    # Broadcasts to those who asked for news: the last one is on its way.
    "UPDATE conversations SET news = 'en' WHERE id %% %(news_every)s = 0",
    "INSERT INTO broadcasts (text, state, sent_by)"
    " SELECT 'A new model.', CASE WHEN n < %(broadcasts)s THEN 'done' ELSE 'running' END, 'root'"
    " FROM generate_series(1, %(broadcasts)s) AS n",
    "INSERT INTO broadcast_posts (broadcast_id, conversation_id, account_id, state)"
    " SELECT one.id, n * %(news_every)s, 1,"
    " CASE one.state WHEN 'done' THEN 'sent' ELSE 'waiting' END"
    " FROM broadcasts AS one, generate_series(1, %(conversations)s / %(news_every)s) AS n",
    "INSERT INTO memories (person_id, number, text) SELECT n, number, 'I live in a town'"
    " FROM generate_series(1, %(conversations)s) AS n, generate_series(1, 4) AS number",
)
_EACH = (
    # Older ones are pruned: a hundredth of 700 days is a week.
    "INSERT INTO events (account_id, event_id, chat_id, received_at)"
    f" SELECT 1, 'event-' || n, 'chat-' || {_CONVERSATION}, {_SINCE}"
    " FROM generate_series(%(first)s, %(last)s) AS n WHERE n > %(messages)s - %(events)s",
    "INSERT INTO messages (id, conversation_id, account_id, chat_id, platform_message_id,"
    " identity_id, text, album, created_at) OVERRIDING SYSTEM VALUE"
    f" SELECT n, {_CONVERSATION}, 1, 'chat-' || {_CONVERSATION}, n::text, {_CONVERSATION},"
    " 'What is the capital of country ' || n || ', and how many people live there?',"
    f" CASE WHEN n %% 10 = 3 THEN 'album-' || n ELSE '' END, {_SINCE}"
    " FROM generate_series(%(first)s, %(last)s) AS n",
    "INSERT INTO attachments (message_id, position, kind, name, media_type, width, height,"
    " characters, text) SELECT n, 0, 'text', 'notes.txt', 'text/plain', 0, 0, 9, 'Some text'"
    " FROM generate_series(%(first)s, %(last)s) AS n WHERE n %% 10 = 3",
    "INSERT INTO turns (id, conversation_id, person_id, state, attempt, reply, finish_reason,"
    " persona, persona_version, due_at, created_at, started_at, first_token_at, shown_at,"
    " finished_at, prompt_tokens, cached_tokens, output_tokens) OVERRIDING SYSTEM VALUE"
    f" SELECT n, {_CONVERSATION}, {_CONVERSATION},"
    " CASE WHEN n %% 100 = 7 THEN 'failed' WHEN n %% 50 = 3 THEN 'stopped' ELSE 'done' END, 1,"
    " 'The capital of country ' || n || ' lies on a river. ' || repeat('Many live there. ', 8),"
    f" 'stop', {_PERSONA}, {_SINCE}, {_SINCE}, {_SINCE}, {_SINCE} + n %% 17 * interval '0.1 s',"
    f" {_SINCE} + n %% 19 * interval '0.1 s', {_SINCE} + n %% 23 * interval '0.5 s', 900, 800, 50"
    " FROM generate_series(%(first)s, %(last)s) AS n",
    "INSERT INTO turn_messages SELECT n, n FROM generate_series(%(first)s, %(last)s) AS n",
    "INSERT INTO search_entries (turn_id, conversation_id, account_id, person_id, persona, failed,"
    f" at, words) SELECT n, {_CONVERSATION}, 1, {_CONVERSATION},"
    " CASE WHEN n %% 1000 = 9 THEN 'teacher' ELSE '' END, n %% 100 = 7,"
    f" {_SINCE}, to_tsvector('simple', 'What is the capital of country ' || n || ', and how many"
    " people live there? The capital of country ' || n || ' lies on a river. '"
    " || repeat('Many live there. ', 8)) FROM generate_series(%(first)s, %(last)s) AS n",
    "INSERT INTO feedback (turn_id, person_id, value, persona, persona_version, created_at)"
    f" SELECT n, {_CONVERSATION}, CASE WHEN n %% 3 = 0 THEN -1 ELSE 1 END, {_PERSONA}, {_SINCE}"
    " FROM generate_series(%(first)s, %(last)s) AS n WHERE n %% 10 = 3",
    "INSERT INTO attempts (turn_id, number, worker, ended_at)"
    " SELECT n, 1, 'worker', now() FROM generate_series(%(first)s, %(last)s) AS n",
    f"INSERT INTO arrivals SELECT n, {_SINCE}, {_SINCE}, {_SINCE}, {_SINCE}, {_SINCE}"
    " FROM generate_series(%(first)s, %(last)s) AS n",
    "INSERT INTO traces (turn_id, attempt, profile, model, claimed_at, ended_at, context,"
    f" recorded_at) SELECT n, 1, 'demo', 'small', {_SINCE}, {_SINCE}, %(recipe)s::jsonb, {_SINCE}"
    " FROM generate_series(%(first)s, %(last)s) AS n",
    "INSERT INTO deliveries (turn_id, account_id, conversation_id, state, reply_to, attempt,"
    f" first_visible_at, finished_at) SELECT n, 1, {_CONVERSATION}, 'done', n::text, 1,"
    f" {_SINCE}, {_SINCE} FROM generate_series(%(first)s, %(last)s) AS n",
    "INSERT INTO delivery_intents (turn_id, position, kind, state, platform_message_id, ended_at)"
    " SELECT n, 0, kind, 'sent', (n + 1)::text, now()"
    " FROM generate_series(%(first)s, %(last)s) AS n,"
    " (VALUES ('placeholder'), ('final')) AS kinds (kind)",
)
# Turns at work: conversations from 2 on run, from 22 on wait; so some do both.
_LIVE_VALUES = "generate_series(1, %(running)s + %(waiting)s) AS n"
_LIVE_CONVERSATION = "CASE WHEN n <= %(running)s THEN n + 1 ELSE n - %(running)s + 21 END"
_LIVE = (
    "INSERT INTO messages (id, conversation_id, account_id, chat_id, platform_message_id,"
    f" identity_id, text) OVERRIDING SYSTEM VALUE SELECT %(messages)s + n, {_LIVE_CONVERSATION}, 1,"
    f" 'chat-' || {_LIVE_CONVERSATION}, (%(messages)s + n)::text, {_LIVE_CONVERSATION}, 'And now?'"
    f" FROM {_LIVE_VALUES}",
    "INSERT INTO turns (id, conversation_id, person_id, state, attempt, lease_owner, lease_until,"
    " due_at, fingerprint, reply, reply_token_ids) OVERRIDING SYSTEM VALUE"
    f" SELECT %(messages)s + n, {_LIVE_CONVERSATION}, {_LIVE_CONVERSATION},"
    " CASE WHEN n <= %(running)s THEN 'running' ELSE 'queued' END, (n <= %(running)s)::int,"
    " CASE WHEN n <= %(running)s THEN 'worker' END, CASE WHEN n <= %(expired)s THEN now()"
    " WHEN n <= %(running)s THEN now() + interval '1 day' END, now() + n * interval '1 ms',"
    f" 'model', '', '{{}}' FROM {_LIVE_VALUES}",
    f"INSERT INTO turn_messages SELECT %(messages)s + n, %(messages)s + n FROM {_LIVE_VALUES}",
    "INSERT INTO attempts (turn_id, number, worker)"
    " SELECT %(messages)s + n, 1, 'worker' FROM generate_series(1, %(running)s) AS n",
    "INSERT INTO deliveries (turn_id, account_id, conversation_id, state, reply_to, attempt,"
    f" lease_owner, lease_until) SELECT %(messages)s + n, 1, {_LIVE_CONVERSATION},"
    " CASE WHEN n <= %(running)s THEN 'active' ELSE 'pending' END, n::text,"
    " (n <= %(running)s)::int, CASE WHEN n <= %(running)s THEN 'gateway' END,"
    " CASE WHEN n <= %(expired)s THEN now() WHEN n <= %(running)s THEN now() + interval '1 day' END"
    f" FROM {_LIVE_VALUES}",
    "UPDATE search_progress SET entered_until = now()",
    "INSERT INTO delivery_intents (turn_id, position, kind, state, platform_message_id)"
    " SELECT %(messages)s + n, 0, 'placeholder', 'sent', 'placeholder-' || n"
    " FROM generate_series(1, %(running)s) AS n",
)


_USAGE = (
    "INSERT INTO usage_days (day, account_id, person_id, chat, turns, messages, prompt_tokens,"
    " output_tokens, failed) SELECT CAST(finished_at AT TIME ZONE 'UTC' AS date), 1, person_id,"
    " CASE conversation_id WHEN 1 THEN 'chat-1' ELSE '' END, count(*), count(*),"
    " 900 * count(*), 5 * count(*), count(*) FILTER (WHERE state = 'failed') FROM turns"
    " WHERE finished_at IS NOT NULL GROUP BY 1, 3, 4",
)
# The days before today as the figures of days that are over: of four channels, each with three
# personas in two versions; and of several of these together ("*" and -1).
_DAYS = "generate_series(current_date - 700, current_date - 1, interval '1 day') AS days (day)"
_CELLS = (
    f"{_DAYS}, unnest(ARRAY['telegram', 'slack', 'web', 'api']) AS channel,"
    " unnest(ARRAY['default', 'teacher', 'brief']) AS persona, generate_series(1, 2) AS version"
)
_COARSER = (
    f"{_DAYS}, unnest(ARRAY['*', 'telegram', 'slack', 'web', 'api']) AS channel,"
    " (SELECT '*' AS persona, -1 AS version UNION ALL SELECT persona, version"
    " FROM unnest(ARRAY['default', 'teacher', 'brief']) AS persona,"
    " unnest(ARRAY[-1, 1, 2]) AS version) AS personas"
)
_FIGURES = (
    f"INSERT INTO figure_days (day) SELECT day FROM {_DAYS}",
    "INSERT INTO figures SELECT CAST(day AS date), channel, persona, version,"
    f" 58, 1, 0, 1, 60, 54000, 48000, 3000, 6, 1 FROM {_CELLS}",
    "INSERT INTO figure_latencies"
    " (day, channel, persona, persona_version, measure, buckets, counts)"
    " SELECT CAST(day AS date), channel, persona, version, measure,"
    " ARRAY(SELECT generate_series(60, 89)), ARRAY(SELECT 2 FROM generate_series(60, 89))"
    f" FROM {_COARSER}, unnest(ARRAY['first_token', 'first_visible', 'whole']) AS measure",
    "INSERT INTO figure_people SELECT CAST(day AS date), channel, persona, version, 40,"
    f" CASE persona WHEN '*' THEN 900 END, CASE persona WHEN '*' THEN 800 END FROM {_COARSER}",
)


@dataclass(frozen=True, slots=True)
class Filled:
    """What is in it. Ids of turns and of their messages are the same numbers."""

    messages: int
    conversations: int
    account: int = 1

    @property
    def running(self) -> range:
        """Turns at work whose lease is far from its end."""
        return range(self.messages + EXPIRED + 1, self.messages + RUNNING + 1)

    @property
    def waiting(self) -> range:
        return range(self.messages + RUNNING + 1, self.messages + RUNNING + WAITING + 1)

    def idle_conversation(self, number: int) -> int:
        """Each fourth is the long one."""
        first = 22 + WAITING
        spread = first + number * 7919 % (self.conversations - first)
        return 1 if number % 4 == 0 else spread

    def conversation_of(self, turn: int) -> int:
        """Of a turn that is running."""
        return turn - self.messages + 1


def fill(
    connection: Connection[tuple[object, ...]],
    messages: int,
    in_a_conversation: int = IN_A_CONVERSATION,
) -> Filled:
    """Fill an empty database, by batches, and let its statistics be true.

    At least 200 conversations must come of it: the turns at work want some of their own.
    """
    conversations = messages // in_a_conversation
    values = {
        "messages": messages,
        "conversations": conversations,
        "events": max(messages // 100, LEAST_EVENTS),
        "running": RUNNING,
        "waiting": WAITING,
        "expired": EXPIRED,
        "news_every": NEWS_EVERY,
        "broadcasts": BROADCASTS,
        "recipe": json.dumps(recipe_written(RECIPE)),
    }
    # Numbers go as literals: a parameter would need its type in each place.
    cursor = ClientCursor(connection)
    with _without_indexes(connection):
        for statement in _ONCE:
            cursor.execute(statement.encode(), values)
        for first in range(1, messages + 1, BATCH):
            batch = {"first": first, "last": min(first + BATCH - 1, messages)}
            for statement in _EACH:
                cursor.execute(statement.encode(), values | batch)
        for statement in (*_LIVE, *_USAGE, *_FIGURES):
            cursor.execute(statement.encode(), values)
    for table in TABLES:
        _count_on(connection, table)
    connection.execute("VACUUM (ANALYZE, FREEZE)")
    return Filled(messages, conversations)


@contextmanager
def _without_indexes(connection: Connection[tuple[object, ...]]) -> Iterator[None]:
    """Indexes and foreign keys are made anew afterwards, which is many times faster; so are the
    foreign keys by which other tables hold these."""
    made = connection.execute(
        "SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),"
        " format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname,"
        " pg_get_constraintdef(oid)) FROM pg_constraint WHERE contype IN ('p', 'u', 'f')"
        " AND (conrelid::regclass::text = ANY(%(tables)s)"
        " OR contype = 'f' AND confrelid::regclass::text = ANY(%(tables)s))"
        " ORDER BY contype = 'f' DESC, contype, conname",
        {"tables": list(TABLES)},
    ).fetchall()
    bare = connection.execute(
        "SELECT 'DROP INDEX ' || indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid::regclass::text = ANY(%s) AND NOT EXISTS ("
        " SELECT FROM pg_constraint WHERE conindid = indexrelid)",
        [list(TABLES)],
    ).fetchall()
    for drop, _ in [*made, *bare]:
        connection.execute(str(drop).encode())
    yield
    connection.execute("SET maintenance_work_mem = '512MB'")
    for _, make in [*bare, *reversed(made)]:
        connection.execute(str(make).encode())


def _count_on(connection: Connection[tuple[object, ...]], table: str) -> None:
    """Ids that are given from now on come after those that were written."""
    name = sql.Identifier(table)
    sequence = connection.execute(
        "SELECT CASE WHEN EXISTS (SELECT FROM information_schema.columns WHERE table_name = %(t)s"
        " AND is_identity = 'YES') THEN pg_get_serial_sequence(%(t)s, 'id') END",
        {"t": table},
    ).fetchone()
    if sequence is not None and sequence[0] is not None:
        count = sql.SQL("SELECT setval({}, (SELECT max(id) FROM {}))")
        connection.execute(count.format(sql.Literal(sequence[0]), name))
