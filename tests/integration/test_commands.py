"""Orders: what each does, in which language it is answered, and what it never does in a group."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import get_args

import pytest
import pytest_asyncio

from assistant.errors import MessageRefused
from assistant.messages import CommandName
from assistant.orders.commands import COMMANDS, GROUP_COMMANDS
from assistant.orders.export import Export
from assistant.phrases import LANGUAGES, Phrase, say, sentences
from tests.support.house import CHAT, House, house, until, working
from tests.support.orders import (
    GROUP,
    answered,
    asked,
    quick,
    shown_by,
    system_prompt,
    told,
)


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


@pytest_asyncio.fixture
async def busy(home: House) -> AsyncIterator[House]:
    async with working(home.worker(quick())):
        yield home


def last_look(home: House) -> str:
    return home.screen.chats["42"][-1].text


# Words


@pytest.mark.parametrize("language", LANGUAGES)
async def test_help_names_every_command_in_the_persons_language(home: House, language: str) -> None:
    helped = await told(home, "help", language=f"{language}-xx")
    for name in COMMANDS:
        assert f"/{name} – {sentences(language)[f'command.{name}']}" in helped
    shorter = await told(home, "help", chat=GROUP, language=language)
    assert [line.split()[0] for line in shorter.splitlines() if line.startswith("/")] == [
        f"/{name}" for name in GROUP_COMMANDS
    ]


async def test_every_command_has_an_answer_for_any_argument(home: House) -> None:
    arguments = ("", "x" * 102_400, "🎉" * 2_000, "<b>%(x)s {0}</b>", "all all", " \n ")
    for name in get_args(CommandName):
        for argument in arguments:
            answer = await answered(home, name, argument, chat=GROUP)
            assert 0 < len(answer.text) < 4_000, (name, argument[:20])


async def test_start_greets_and_helps(busy: House) -> None:
    await until(busy.service.engine_info)
    greeted = await told(busy, "start", language="de")
    assert greeted.startswith(sentences("de")["start.greeting"])
    assert "/help – Was ich kann" in greeted
    assert greeted.endswith("Scripted answers: no model is running here.")


async def test_a_chosen_language_holds_until_another_is_chosen(home: House) -> None:
    assert await told(home, "lang", "de", language="es") == say(Phrase("lang.done"), "de")
    assert await told(home, "stop", language="es") == say(Phrase("stop.nothing"), "de")
    assert await told(home, "stop", chat=GROUP) == say(Phrase("stop.nothing"), "de")
    assert await told(home, "stop", sender="8", language="es") == say(Phrase("stop.nothing"), "es")
    assert await told(home, "lang", "Bahasa Indonesia") == say(Phrase("lang.done"), "id")
    automatic = say(Phrase("lang.automatic_done"), "es")
    assert await told(home, "lang", "AUTO", language="es") == automatic
    assert await told(home, "stop", language="ar") == say(Phrase("stop.nothing"), "ar")


async def test_the_languages_are_listed_by_their_own_names(home: House) -> None:
    listed = await told(home, "lang")
    for code in LANGUAGES:
        assert f"/lang {code} – {sentences(code)['language.name']}" in listed


async def test_an_unknown_language_is_answered_in_one_sentence(home: House) -> None:
    for unknown in ("klingon", "xx", "e", "deux", "🇩🇪", "x" * 100_000):
        assert (await told(home, "lang", unknown)).endswith("en, de, es, pt, id, ar, auto.")
    assert await home.rows("SELECT language FROM persons WHERE language IS NOT NULL") == []


async def test_the_model_is_told_a_language_that_was_chosen(home: House) -> None:
    await home.say("Hello", language="de")
    assert "Answer in" not in await system_prompt(home)
    await told(home, "lang", "pt-br")
    await home.say("Hello")
    assert (await system_prompt(home)).endswith("Answer in Portuguese.")


async def test_what_the_platform_says_is_kept_and_changes_with_it(busy: House) -> None:
    for language in ("es", "de", ""):
        await asked(busy, "Hello", language=language)
    assert await busy.rows("SELECT language FROM identities") == [("de",)]


async def test_the_end_of_an_answer_is_said_in_the_language_of_who_asked(home: House) -> None:
    accepted = await home.say("Hello", language="ar")
    assert await told(home, "stop", language="ar") == sentences("ar")["stop.done"]
    await until(lambda: shown_by(home, accepted.turn_id))
    assert last_look(home) == sentences("ar")["ending.stopped"]


async def test_a_refusal_and_an_order_of_a_stranger_are_said_and_nothing_is_done(
    database_url: str, redis_url: str
) -> None:
    async with house(database_url, redis_url, access="allowlist") as home:
        for name in get_args(CommandName):
            with pytest.raises(MessageRefused) as refused:
                await told(home, name, "all")
            assert say(refused.value.phrase, "de").startswith("Dieser Assistent ist privat.")


# The last question, again


async def test_retry_answers_the_last_question_in_the_place_of_its_answer(busy: House) -> None:
    await asked(busy, "About herons")
    turn, message = await asked(busy, "About storks")
    assert await told(busy, "retry") == ""
    await until(lambda: busy.screen.chats["42"][-1].turn_id != turn and last_is_over(busy))
    assert [one.id for one in busy.screen.chats["42"]][-1] == message
    assert "storks" in last_look(busy)


def last_is_over(home: House) -> bool:
    return home.screen.chats["42"][-1].last


async def test_a_retry_that_comes_again_asks_for_nothing_more(busy: House) -> None:
    await asked(busy, "About herons")
    await asked(busy, "About storks")
    for _ in range(3):
        assert await told(busy, "retry", message_id="600") == ""
    assert await busy.rows("SELECT count(*) FROM turns") == [(3,)]


async def test_there_may_be_nothing_to_answer_again(busy: House) -> None:
    nothing = say(Phrase("retry.nothing"))
    assert await told(busy, "retry") == nothing
    await asked(busy, "About herons")
    await told(busy, "new")
    assert await told(busy, "retry") == nothing


async def test_a_question_that_is_being_answered_is_not_asked_again(home: House) -> None:
    await home.say("About herons")
    assert await told(home, "retry") == say(Phrase("retry.running"))


# What is known


async def test_model_and_about_say_what_answers(busy: House) -> None:
    await until(busy.service.engine_info)
    assert "scripted answers (profile scripted)" in await told(busy, "model")
    assert "8,192 tokens" in await told(busy, "model")
    assert "Apache 2.0" in await told(busy, "about")


async def test_without_a_model_it_says_so(home: House) -> None:
    assert await told(home, "model") == say(Phrase("model.none"))
    assert "Outrider" in await told(home, "about")


async def test_usage_counts_what_a_person_used_and_in_a_group_only_what_was_asked_there(
    busy: House,
) -> None:
    await asked(busy, "About herons")
    await asked(busy, "About storks")
    await asked(busy, "About cranes", GROUP)
    await asked(busy, "Mine", GROUP, sender_id="8")
    [[read, written]] = await busy.rows(
        "SELECT sum(prompt_tokens) AS read, sum(output_tokens) AS written FROM turns"
        " WHERE person_id = (SELECT person_id FROM identities WHERE platform_id = '7')"
    )
    everywhere = await told(busy, "usage")
    line = f"messages 3, answers 3, tokens read {read}, tokens written {written}"
    assert everywhere.count(line) == 2
    assert "messages 1, answers 1" in await told(busy, "usage", chat=GROUP)
    await busy.rows("UPDATE messages SET created_at = now() - interval '2 days'")
    await busy.rows("UPDATE turns SET created_at = now() - interval '2 days'")
    today, month = (await told(busy, "usage")).splitlines()[1:]
    assert "messages 0, answers 0, tokens read 0" in today
    assert line in month
    assert "messages 0" in await told(busy, "usage", sender="99")


# A conversation as a file


async def test_a_conversation_is_exported_whole_and_alone(busy: House) -> None:
    await asked(busy, "About *herons* 🎉", sender_name="Ana <b>*Li*</b>")
    await told(busy, "new")
    await asked(busy, "About storks")
    await asked(busy, "Elsewhere", replace(CHAT, chat_id="43"))
    gone = await busy.say("To be forgotten", message_id="700")
    await busy.answer(gone.turn_id)
    await busy.service.erase(CHAT, "700")
    document = (await answered(busy, "export")).document
    assert document is not None
    text = document.content.decode()
    assert document.name == "conversation.md"
    assert text.index("About *herons* 🎉") < text.index("About storks")
    assert "**Ana <b>Li</b> · 2" in text
    assert "You wrote 1 message" in text
    assert text.count("**Ana") == 2
    assert "Elsewhere" not in text


async def test_an_export_has_the_newest_answer_to_a_question_alone(busy: House) -> None:
    turn, _ = await asked(busy, "About herons")
    again = await busy.service.retry(turn)
    assert again is not None
    await busy.answer(again)
    document = (await answered(busy, "export")).document
    assert document is not None
    assert document.content.decode().count("About herons\n\n**Outrider") == 1


async def test_a_topic_is_a_conversation_of_its_own(home: House) -> None:
    topic = replace(GROUP, thread_id="5")
    await home.say("In the group", GROUP)
    await home.say("In the topic", topic)
    assert await told(home, "stop", chat=topic) == say(Phrase("stop.done"))
    assert await home.rows(
        "SELECT text FROM messages JOIN turn_messages ON message_id = id"
        " JOIN turns ON turns.id = turn_id WHERE state = 'queued'"
    ) == [("In the group",)]
    document = (await answered(home, "export", chat=topic)).document
    assert document is not None
    assert b"In the topic" in document.content
    assert b"In the group" not in document.content


async def test_the_export_for_programs_can_be_read_by_them(busy: House) -> None:
    turn, _ = await asked(busy, 'A "quoted" \\ line\nand more 🎉')
    reply, _ = await busy.answer(turn)
    document = (await answered(busy, "export", "JSON")).document
    assert document is not None
    held = json.loads(document.content)
    assert held["complete"] is True
    [exchange] = held["exchanges"]
    assert exchange["asked"][0]["text"] == 'A "quoted" \\ line\nand more 🎉'
    assert (exchange["answer"], exchange["state"]) == (reply, "done")


async def test_an_export_that_would_be_too_large_leaves_the_oldest_out(busy: House) -> None:
    await asked(busy, "About herons")
    await asked(busy, "About storks")
    export = Export(busy.database, most_bytes=300, page_turns=1)
    document = await export.document(CHAT, "json", "")
    assert document is not None
    held = json.loads(document.content)
    assert held["complete"] is False
    assert [one["asked"][0]["text"] for one in held["exchanges"]] == ["About storks"]
    smaller = Export(busy.database, most_bytes=200, page_turns=1)
    in_words = await smaller.document(CHAT, "markdown", "The rest is missing.")
    assert in_words is not None
    assert in_words.content.startswith(b"*The rest is missing.*\n\n---")
    assert b"herons" not in in_words.content


async def test_of_nothing_nothing_is_exported(home: House) -> None:
    assert (await answered(home, "export")).document is None
    assert await told(home, "export", "pdf") == say(Phrase("export.how"))


# Forgetting


async def texts(home: House) -> list[tuple[object, ...]]:
    return await home.rows("SELECT text FROM messages WHERE deleted_at IS NULL ORDER BY id")


@pytest.mark.parametrize("by_answer", [False, True])
async def test_a_reply_with_forget_forgets_the_question_and_its_answer(
    busy: House, by_answer: bool
) -> None:
    await asked(busy, "About herons", message_id="500")
    _, answer = await asked(busy, "About storks", message_id="501")
    assert await told(busy, "forget", about=answer if by_answer else "501") == say(
        Phrase("forget.done")
    )
    assert await texts(busy) == [("About herons",)]
    await until(lambda: len(busy.screen.chats["42"]) == 1)
    assert await told(busy, "forget", about="501") == say(Phrase("forget.unknown"))


async def test_in_a_group_only_who_asked_can_have_it_forgotten(busy: House) -> None:
    _, answer = await asked(busy, "About herons", GROUP, message_id="500")
    for about in ("500", answer):
        refused = await told(busy, "forget", chat=GROUP, sender="8", about=about)
        assert refused == say(Phrase("forget.not_yours"))
    assert await texts(busy) == [("About herons",)]
    assert await told(busy, "forget", chat=GROUP, about=answer) == say(Phrase("forget.done"))
    assert await texts(busy) == []


async def test_a_message_of_another_chat_is_not_forgotten(busy: House) -> None:
    await asked(busy, "About herons", message_id="500")
    other = replace(CHAT, chat_id="43")
    assert await told(busy, "forget", chat=other, about="500") == say(Phrase("forget.unknown"))
    assert await texts(busy) == [("About herons",)]


async def test_forget_all_leaves_nothing_of_a_private_chat(busy: House) -> None:
    await asked(busy, "About herons")
    await asked(busy, "In a topic", replace(CHAT, thread_id="5"))
    await asked(busy, "In the group", GROUP)
    await told(busy, "memory", "I like herons")
    assert await told(busy, "forget", "ALL") == say(Phrase("forget.all_done"))
    assert await texts(busy) == [("In the group",)]
    assert await busy.rows("SELECT FROM memories") == []
    assert await told(busy, "forget", "all") == say(Phrase("forget.all_done"))


async def test_a_group_is_not_erased_by_one_of_it(busy: House) -> None:
    await asked(busy, "About herons", GROUP)
    refused = await told(busy, "forget", "all", chat=GROUP)
    assert refused == say(Phrase("forget.all_in_group"))
    assert await texts(busy) == [("About herons",)]


async def test_alone_it_explains_itself(home: House) -> None:
    assert await told(home, "forget") == say(Phrase("forget.how"))
    assert await told(home, "forget", chat=GROUP) == say(Phrase("forget.how_in_group"))


async def test_a_code_is_confirmed_by_an_order_only_where_admins_are_known(home: House) -> None:
    for chat in (CHAT, GROUP):
        assert await told(home, "pair", "ABCDEFGH", chat=chat) == say(Phrase("pair.admins_only"))
    for name in (COMMANDS, GROUP_COMMANDS):
        assert "pair" not in name  # so Telegram doesn't offer it
