"""A downgrade keeps the answers that an edit had begun to replace."""

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
