"""What waits for an answer: pressed buttons."""

from __future__ import annotations

from typing import Any

from tests.fakes.telegram.chats import Fields
from tests.fakes.telegram.methods.calling import Calling
from tests.fakes.telegram.refusals import bad_request


class Queries(Calling):
    async def on_answercallbackquery(self, params: Fields) -> Any:
        self.take_query(str(params.get("callback_query_id")), params)
        return True

    def take_query(self, query_id: str, answer: Fields) -> None:
        if query_id not in self.bot.queries:
            raise bad_request(
                "query is too old and response timeout expired or query ID is invalid"
            )
        self.bot.queries.discard(query_id)
        self.bot.answers[query_id] = answer
