"""A downgrade keeps the answers that an edit had begun to replace, and leaves no turn that an older
version can't read."""

from __future__ import annotations

from sqlalchemy import text

from assistant.storage import schema
from tests.integration.test_schema import connected, empty_database, step

__all__ = ["empty_database"]

REPLACED = """
WITH account AS (INSERT INTO accounts (channel, name) VALUES ('telegram', 'x') RETURNING id),
place AS (
    INSERT INTO conversations (account_id, chat_id, kind) SELECT id, '1', 'private' FROM account
    RETURNING id),
fresh AS (
    INSERT INTO turns (conversation_id, state, place) SELECT id, 'queued', 1 FROM place
    RETURNING id, conversation_id)
INSERT INTO turns (conversation_id, state, reply, superseded_by)
SELECT conversation_id, 'done', 'About herons', id FROM fresh
"""

VERSION = "SELECT version_num FROM alembic_version"


async def test_the_former_answer_is_there_after_a_downgrade(empty_database: str) -> None:
    await schema.upgrade(empty_database)
    with connected(empty_database) as connection:
        connection.execute(text(REPLACED))
        while connection.execute(text(VERSION)).scalar_one() != "0001":
            step(connection, "-1")
        assert connection.execute(text("SELECT reply FROM turns")).all() == [("About herons",)]


ASKED = """
WITH account AS (INSERT INTO accounts (channel, name) VALUES ('api', 'x') RETURNING id),
given AS (SELECT * FROM (VALUES
    ('1', 'queued', '{"seed": 7}'),
    ('2', 'queued', '{"logprobs": 2, "seed": 7}'),
    ('3', 'running', '{"tools": [{"name": "look"}]}'),
    ('4', 'done', '{"top_k": 4, "stop": ["."]}')) AS given (chat, state, sampling)),
place AS (
    INSERT INTO conversations (account_id, chat_id, kind)
    SELECT account.id, chat, 'private' FROM account, given RETURNING id, chat_id)
INSERT INTO turns (conversation_id, state, sampling, lease_until)
SELECT place.id, state, sampling::jsonb, CASE state WHEN 'running' THEN now() END
FROM place JOIN given ON chat = chat_id
"""


async def test_no_turn_is_left_that_asks_for_what_an_older_version_does_not_know(
    empty_database: str,
) -> None:
    await schema.upgrade(empty_database)
    with connected(empty_database) as connection:
        connection.exec_driver_sql(ASKED)
        while connection.execute(text(VERSION)).scalar_one() != "0006":
            step(connection, "-1")
        found = connection.execute(text("SELECT state, sampling FROM turns ORDER BY id")).all()
    assert sorted(map(str, found)) == [
        "('done', {'stop': ['.']})",
        "('failed', {'seed': 7})",
        "('failed', {})",
        "('queued', {'seed': 7})",
    ]


async def test_who_waited_in_virtual_time_waits_by_the_clock_after_a_downgrade(
    empty_database: str,
) -> None:
    await schema.upgrade(empty_database)
    with connected(empty_database) as connection:
        connection.exec_driver_sql(ASKED)
        connection.exec_driver_sql("UPDATE turns SET due_at = now() + interval '4 days'")
        while connection.execute(text(VERSION)).scalar_one() != "0005":
            step(connection, "-1")
        late = text("SELECT count(*) FROM turns WHERE state = 'queued' AND due_at > now()")
        assert connection.execute(late).scalar_one() == 0
