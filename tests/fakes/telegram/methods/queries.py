"""What waits for an answer: pressed buttons, inline queries, guests' questions."""

from __future__ import annotations

from typing import Any

from tests.fakes.telegram.chats import Fields
from tests.fakes.telegram.content import check_keyboard, checked_text
from tests.fakes.telegram.methods.calling import Calling
from tests.fakes.telegram.refusals import bad_request

MOST_RESULTS = 50
ANSWER_CHARACTERS = 200


class Queries(Calling):
    async def on_answercallbackquery(self, params: Fields) -> Any:
        if len(str(params.get("text", ""))) > ANSWER_CHARACTERS:
            raise bad_request("MESSAGE_TOO_LONG")
        self._take(str(params.get("callback_query_id")), params)
        return True

    async def on_answerinlinequery(self, params: Fields) -> Any:
        results = params.get("results") or []
        if len(results) > MOST_RESULTS:
            raise bad_request("too many inline query results specified")
        if len({one["id"] for one in results}) < len(results):
            raise bad_request("RESULT_ID_DUPLICATE")
        for one in results:
            _check_result(one)
        self._take(str(params.get("inline_query_id")), {**params, "results": results})
        return True

    async def on_answerguestquery(self, params: Fields) -> Any:
        query_id, result = str(params.get("guest_query_id")), params.get("result")
        if not result:
            raise bad_request("result isn't specified")
        _check_result(result)
        self._take(query_id, params)
        return {"inline_message_id": self.world.guest_answered(self.bot, query_id, result)}

    def _take(self, query_id: str, answer: Fields) -> None:
        if query_id not in self.bot.queries:
            raise bad_request(
                "query is too old and response timeout expired or query ID is invalid"
            )
        self.bot.queries.discard(query_id)
        self.bot.answers[query_id] = answer


def _check_result(result: Fields) -> None:
    if not 1 <= len(str(result.get("id", "")).encode()) <= 64:
        raise bad_request("RESULT_ID_INVALID")
    content = result.get("input_message_content")
    if result.get("type") == "article" and not content:
        raise bad_request(
            "can't parse inline query result: Can't find field \"input_message_content\""
        )
    if content and "message_text" in content:
        found = checked_text({**content, "text": content["message_text"]}, "MESSAGE_TOO_LONG")
        content["message_text"], content["entities"] = found.text, found.entities
    check_keyboard(result.get("reply_markup"))
