"""The web chat over real HTTP: every promise that its page relies on."""

import asyncio
import json
import re
from contextlib import asynccontextmanager

import httpx
import pytest

from assistant.messages import Edited
from assistant.settings import AssistantSettings
from tests.support.chat_app import chat_app
from tests.support.memory_assistant import MemoryAssistant, ScriptedFailure, words
from tests.support.serving import serving


@asynccontextmanager
async def web(**options):
    async with (
        MemoryAssistant(**options) as assistant,
        serving(chat_app(assistant)) as address,
        httpx.AsyncClient(base_url=address, timeout=20) as http,
    ):
        yield assistant, http


async def ask(http, text="hello", client_id="0123456789"):
    return (await sent(http, text, client_id))["turn_id"]


async def sent(http, text, client_id):
    answer = await http.post("/chat/messages", json={"text": text, "client_id": client_id})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def shown(http, turn_id):
    """Wait until the page has text of this turn."""
    async for name, data in events(http, turn_id):
        if name == "change" and data["added"]:
            return
    raise AssertionError("the turn has no text")


async def events(http, turn_id):
    async with http.stream("GET", f"/chat/turns/{turn_id}/stream") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        name = ""
        async for line in response.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


async def read(http, turn_id):
    """The reply's blocks as a page would hold them, and how it ended."""
    blocks = []
    async for name, data in events(http, turn_id):
        if name == "end":
            return blocks, data
        kept = blocks[data["first"]][: data["keep"]] if data["keep"] else ""
        added = data["added"]
        blocks[data["first"] :] = [kept + added[0], *added[1:]] if added else []
    raise AssertionError("the stream broke off")


def forever(messages):
    yield from words("one two three")
    while True:
        yield " more"


def failing(messages):
    yield from words("I was about to")
    raise ScriptedFailure("The model stopped in mid-answer.")


async def test_a_message_is_answered_and_the_conversation_survives_a_reload():
    async with web(pace_seconds=0.005) as (_, http):
        await http.get("/")
        blocks, end = await read(http, await ask(http, "hello *you*"))
        assert blocks == ['<p dir="auto">You said: hello <em>you</em></p>\n']
        assert end == {"state": "done", "error": ""}
        page = (await http.get("/")).text
        assert '<div class="question" dir="auto">hello *you*</div>' in page
        assert blocks[0] in page
        assert 'data-state="done"' in page


async def test_the_conversation_belongs_to_its_cookie_alone():
    async with web() as (_, http):
        turn_id = await ask(http, "a secret")
        await read(http, turn_id)
        async with httpx.AsyncClient(base_url=http.base_url) as stranger:
            assert "a secret" not in (await stranger.get("/")).text
            for call in (
                stranger.get(f"/chat/turns/{turn_id}/stream"),
                stranger.post(f"/chat/turns/{turn_id}/stop"),
                stranger.get("/chat/turns/999/stream"),
                stranger.get(f"/chat/turns/{2**70}/stream"),
            ):
                answer = await call
                assert answer.status_code == 404
                assert answer.json()["error"]["code"] == "turn_not_found"


async def test_what_is_stored_does_not_open_the_conversation():
    async with web() as (assistant, http):
        turn_id = await ask(http)
        cookie = http.cookies["outrider_chat"]
        chat = await assistant.turn_chat(turn_id)
        assert cookie not in repr(chat)
        await http.get("/")
        assert http.cookies["outrider_chat"] == cookie


async def test_the_same_message_sent_again_is_one_turn():
    async with web() as (assistant, http):
        turn_id = await ask(http)
        assert await ask(http) == turn_id
        assert len(assistant.states()) == 1
        await read(http, turn_id)
        assert await ask(http) == turn_id
        assert await ask(http, client_id="another-one") == 2


async def test_a_page_that_comes_late_or_again_gets_the_whole_reply():
    async with web() as (_, http):
        turn_id = await ask(http)
        first = await read(http, turn_id)
        assert await read(http, turn_id) == first


async def test_a_running_reply_is_followed_from_wherever_and_a_lost_reader_does_not_end_it():
    async with web(script=lambda m: words("a b c d e f"), pace_seconds=0.03) as (_, http):
        turn_id = await ask(http)
        async for name, data in events(http, turn_id):
            if name == "change" and data["added"]:
                break  # hang up in mid-stream
        blocks, end = await read(http, turn_id)
        assert end["state"] == "done"
        assert blocks == ['<p dir="auto">a b c d e f</p>\n']


async def test_stop_keeps_what_was_said():
    async with web(script=forever, pace_seconds=0.005) as (_, http):
        turn_id = await ask(http)
        answers = []
        async for name, data in events(http, turn_id):
            if name == "change" and data["added"] and not answers:
                answers.append((await http.post(f"/chat/turns/{turn_id}/stop")).json())
            if name == "end":
                answers.append(data["state"])
        assert answers == [{"stopped": True}, "stopped"]
        assert "one" in (await http.get("/chat/history")).text
        assert (await http.post(f"/chat/turns/{turn_id}/stop")).json() == {"stopped": False}


async def test_a_failure_comes_as_a_sentence_and_stays_in_the_history():
    async with web(script=failing) as (_, http):
        blocks, end = await read(http, await ask(http))
        assert end == {"state": "failed", "error": "The model stopped in mid-answer."}
        assert blocks == ['<p dir="auto">I was about to</p>\n']
        page = (await http.get("/")).text
        assert "The model stopped in mid-answer." in page
        assert 'data-state="failed"' in page


async def test_a_new_chat_is_empty():
    async with web() as (_, http):
        await read(http, await ask(http, "remember this"))
        assert (await http.post("/chat/new", json={})).status_code == 200
        assert "remember this" not in (await http.get("/")).text


async def test_while_no_engine_is_there_the_page_says_so_and_messages_wait():
    async with web(info=None) as (assistant, http):
        page = (await http.get("/")).text
        assert re.search(r'id="banner"[^>]*role="status"\s*>', page)
        assert "The model is starting" in page
        assert (await http.get("/chat/status")).json()["ready"] is False
        turn_id = await ask(http)
        assistant.set_info(MemoryAssistant().info)
        assert (await read(http, turn_id))[1]["state"] == "done"
        status = (await http.get("/chat/status")).json()
        assert status["ready"]
        assert status["notice"] == "This is an echo, not a model."
        assert "This is an echo, not a model." in (await http.get("/")).text


async def test_where_the_queue_is_full_the_page_says_so_in_a_sentence():
    async with web() as (assistant, http):
        await http.get("/")
        assistant.queue_full = True
        sent = await http.post("/chat/messages", json={"text": "x", "client_id": "0123456789"})
        assert sent.status_code == 429
        assert "10,000 questions are waiting" in sent.text
        assert int(sent.headers["retry-after"]) > 0


async def test_without_a_database_nothing_is_acknowledged_and_the_page_says_why():
    async with web() as (assistant, http):
        await http.get("/")
        assistant.storage_works = False
        sent = await http.post("/chat/messages", json={"text": "x", "client_id": "0123456789"})
        assert sent.status_code == 503
        assert "retry-after" in sent.headers
        page = await http.get("/")
        assert page.status_code == 503
        assert "The database can&#39;t be reached" in page.text
        assert (await http.get("/chat/history")).status_code == 503


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (json.dumps({"text": " ", "client_id": "0123456789"}), 400),
        (json.dumps({"text": "x" * 100_000, "client_id": "0123456789"}), 413),
        (b'{"text": "\xff", "client_id": "0123456789"}', 400),
        (b"x" * (5 * 1024 * 1024), 413),
        (b"", 400),
    ],
)
async def test_bad_input_gets_its_status_and_one_sentence(content, status):
    async with web() as (assistant, http):
        answer = await http.post("/chat/messages", content=content)
        assert answer.status_code == status
        assert answer.json()["error"]["message"].count(".") == 1
        assert assistant.states() == []


async def test_the_longest_message_goes_in():
    longest = AssistantSettings().message_characters
    async with web(script=lambda m: iter([str(len(m[-1].content))])) as (_, http):
        blocks, _ = await read(http, await ask(http, "😀" * longest))
        assert f"{longest}" in blocks[0]


async def test_two_messages_while_one_is_answered_are_answered_together_after_it():
    async with web(script=lambda m: words("a b c d e f g h"), pace_seconds=0.02) as (_, http):
        first = await ask(http, "one", "client-id-1")
        async for name, data in events(http, first):
            if name == "change" and data["added"]:
                break
        second = await ask(http, "two", "client-id-2")
        third = await sent(http, "three", "client-id-3")
        assert third == {"turn_id": second, "joined": True, "waits": True}
        assert (await read(http, second))[1]["state"] == "done"


async def test_a_question_behind_a_running_answer_is_shown_as_waiting():
    async with web() as (assistant, http):
        first = await ask(http, "one", "client-id-1")
        assert (await read(http, first))[1]["state"] == "done"
        assistant.script = forever
        assert (await sent(http, "two", "client-id-2"))["waits"] is False
        await shown(http, 2)
        behind = await sent(http, "three", "client-id-3")
        assert behind == {"turn_id": 3, "joined": False, "waits": True}
        page = (await http.get("/")).text
        assert re.findall(r'data-turn="(\d)" data-state="queued" data-waits', page) == ["3"]
        assert page.count("data-waits") == 1
        await http.post("/chat/turns/2/stop")
        await shown(http, 3)
        assert "data-waits" not in (await http.get("/chat/history")).text


async def test_a_message_before_any_text_starts_the_running_turn_again_in_the_same_stream():
    async with web() as (assistant, http):
        assistant.may_write.clear()
        turn_id = await ask(http, "one", "client-id-1")
        await assistant.reached("running")
        reading = asyncio.create_task(read(http, turn_id))
        second = await sent(http, "two", "client-id-2")
        assert second == {"turn_id": turn_id, "joined": True, "waits": False}
        page = (await http.get("/")).text
        assert page.count('class="exchange"') == 2  # one of them is the empty template
        assistant.may_write.set()
        blocks, end = await reading
        assert blocks == ['<p dir="auto">You said: one</p>\n', '<p dir="auto">two</p>\n']
        assert end["state"] == "done"
        assert assistant.states() == ["done"]


async def test_an_answer_that_is_written_anew_replaces_what_the_page_has():
    async with web(script=forever, pace_seconds=0.005) as (assistant, http):
        turn_id = await ask(http)
        chat = await assistant.turn_chat(turn_id)
        reading = asyncio.create_task(read(http, turn_id))
        await shown(http, turn_id)
        assistant.script = lambda m: words(f"You said: {m[-1].content}")
        await assistant.edit(Edited(chat, "event", "0123456789", "person", "another"))
        blocks, end = await reading
        assert blocks == ['<p dir="auto">You said: another</p>\n']
        assert end["state"] == "done"


async def test_hostile_text_stays_text_in_the_page():
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
    async with web() as (_, http):
        blocks, _ = await read(http, await ask(http, evil))
        page = (await http.get("/")).text
        for text in (*blocks, page):
            assert "<script>alert" not in text
            assert "<img src=x" not in text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "rebound.example"}, 421),
        ({"host": ""}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
    ],
)
async def test_strangers_pages_are_kept_out(headers, status):
    async with web() as (assistant, http):
        body = {"text": "x", "client_id": "0123456789"}
        answer = await http.post("/chat/messages", json=body, headers=headers)
        assert answer.status_code == status
        assert assistant.states() == []


async def test_scripts_and_styles_are_ours_checked_each_time_and_not_a_way_out():
    async with web() as (_, http):
        page = (await http.get("/")).text
        files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
        assert len(files) >= 5
        for file in set(files):
            answer = await http.get(file)
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "no-cache"
            same = await http.get(file, headers={"if-none-match": answer.headers["etag"]})
            assert same.status_code == 304
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", page)
        links = re.findall(r'(?:src|href)="([^"]*)"', page)
        assert not [link for link in links if "//" in link]
        for path in ("/static/../router.py", "/static/%2e%2e/router.py", "/static/nothing"):
            assert (await http.get(path)).status_code == 404


async def test_many_readers_of_many_chats_do_not_wait_for_each_other():
    async with web(pace_seconds=0.01) as (_, http):

        async def one(number):
            async with httpx.AsyncClient(base_url=http.base_url, timeout=20) as own:
                return await read(own, await ask(own, f"chat {number}"))

        results = await asyncio.gather(*(one(number) for number in range(20)))
        for number, (blocks, _) in enumerate(results):
            assert f"chat {number}<" in blocks[0]


async def test_an_order_is_answered_in_words_and_is_no_part_of_the_conversation():
    async with web() as (assistant, http):
        for order in ("/link", "/LINK ABCD2345", "/usage"):
            assert await sent(http, order, f"order-{order[1:5]}-{len(order)}") == {"said": "Done."}
        assert assistant.commands == [
            ("link", ""),
            ("link", "ABCD2345"),
            ("usage", ""),
        ]
        answered = await sent(http, "/linked lists, what are they?", "0123456789")
        assert "turn_id" in answered
