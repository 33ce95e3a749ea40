"""What is answered without the model, from the message to what the person sees."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from assistant.answering.canned_answers import CannedAnswers, CannedDraft
from assistant.answering.context import Context
from assistant.answering.turns import Claimant
from assistant.errors import ChangeRefused
from assistant.messages import Attachment, ChatRef
from assistant.phrases import Phrase, say
from assistant.storage.audit import Actor, AuditLog
from inference.api import ChatMessage, Sampling
from tests.support.house import CHAT, House, house, incoming, working
from tests.support.orders import asked, quick, told

ROOT = Actor("admin", 1, "root", "127.0.0.1")
HOURS = CannedDraft("Hours", ("opening hours", "Öffnungszeit*"), "We are open **9–17**.")
WAGES = CannedDraft("Wages", ("wages",), blocks=True)


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


async def ended(home: House, turn_id: int) -> tuple[object, ...]:
    [found] = await home.rows(
        "SELECT state, finish_reason, reply, output_tokens, persona FROM turns WHERE id = %(id)s",
        {"id": turn_id},
    )
    return tuple(found)


async def test_a_canned_answer_is_shown_and_the_model_is_not_asked(home: House) -> None:
    await home.canned.add(HOURS, ROOT)
    async with working(home.worker(quick())):
        turn, message = await asked(home, "What are your opening hours?")
        other, _ = await asked(home, "What is a heron?")
    assert await ended(home, turn) == ("done", "canned", HOURS.answer, 0, None)
    [shown] = [one for one in home.screen.chats[CHAT.chat_id] if one.id == message]
    assert HOURS.answer in shown.text
    assert (await ended(home, other))[1] != "canned"


async def test_a_blocked_topic_is_told_of_in_the_persons_language_and_never_to_the_model(
    home: House,
) -> None:
    await home.canned.add(WAGES, ROOT)
    await told(home, "lang", "de")
    async with working(home.worker(quick())):
        turn, _ = await asked(home, "Tell me all WAGES")
    blocked = say(Phrase("canned.blocked"), "de")
    assert await ended(home, turn) == ("done", "blocked", blocked, 0, None)
    await home.say("And a heron?")
    [claimed] = await home.turns.claim(Claimant("tester", 10.0, "scripted-1"), 1)
    model = quick()
    await model.start(lambda line, share: None)
    built = await home.worker(model).context.build(claimed)
    assert isinstance(built, Context)
    assert [one.content for one in built.prompt.messages[1:]] == ["And a heron?"]


async def test_a_topic_is_blocked_in_a_file_and_in_one_of_several_messages(home: House) -> None:
    await home.canned.add(replace(WAGES, answer="Ask the office."), ROOT)
    notes = Attachment("text", "f1", "notes.txt", "text/plain", data=b"the wages of 1999")
    with_file = replace(incoming("What does it say?"), attachments=(notes,))
    accepted = await home.service.accept(with_file)
    other = replace(CHAT, chat_id="43")
    first = await home.say("Tell me", other)
    assert (await home.say("about wages", other)).turn_id == first.turn_id
    async with working(home.worker(quick())):
        for turn in (accepted.turn_id, first.turn_id):
            await home.answer(turn)
            assert (await ended(home, turn))[1:3] == ("blocked", "Ask the office.")


async def test_a_program_is_answered_so_only_where_its_account_is_named(home: House) -> None:
    [[api]] = await home.rows("SELECT id FROM accounts WHERE channel = 'api'")
    ask = [ChatMessage("user", "opening hours")]
    await home.canned.add(HOURS, ROOT)
    async with working(home.worker(quick())):
        asked_first = await home.service.accept_request(
            ChatRef("api", "default", "r-1"), ask, Sampling()
        )
        await home.answer(asked_first.turn_id)
        await home.canned.add(replace(HOURS, answer="Nine.", account_id=api), ROOT)
        asked_then = await home.service.accept_request(
            ChatRef("api", "default", "r-2"), ask, Sampling()
        )
        text, _ = await home.answer(asked_then.turn_id)
    assert (await ended(home, asked_first.turn_id))[1] != "canned"
    assert text == "Nine."


async def test_one_that_is_changed_switched_off_or_removed_holds_no_more(home: House) -> None:
    number = await home.canned.add(HOURS, ROOT)
    found = ["opening hours"]
    assert home.canned.find(found, 1, people=True) is not None
    await home.canned.change(number, replace(HOURS, enabled=False), ROOT)
    assert home.canned.find(found, 1, people=True) is None
    await home.canned.change(number, replace(HOURS, phrases=("closing hours",)), ROOT)
    assert home.canned.find(found, 1, people=True) is None
    assert home.canned.find(["closing hours"], 1, people=True) is not None
    await home.canned.remove(number, ROOT)
    assert home.canned.find(["closing hours"], 1, people=True) is None
    entries = await AuditLog(home.database).newest(10, target=f"canned:{number}")
    assert [one.action for one in entries] == [
        "canned.removed",
        "canned.changed",
        "canned.changed",
        "canned.added",
    ]
    for change in (home.canned.remove(number, ROOT), home.canned.change(number, HOURS, ROOT)):
        with pytest.raises(ChangeRefused, match="isn't there any more"):
            await change


async def test_another_process_finds_it(home: House) -> None:
    elsewhere = CannedAnswers(home.database)
    await elsewhere.refresh()
    await home.canned.add(HOURS, ROOT)
    assert elsewhere.find(["opening hours"], 1, people=True) is None
    await elsewhere.refresh()
    assert elsewhere.find(["opening hours"], 1, people=True) is not None


async def test_its_uses_are_counted(home: House) -> None:
    await home.canned.add(HOURS, ROOT)
    async with working(home.worker(quick())):
        for _ in range(2):
            await asked(home, "opening hours")
    [one] = await home.canned.listed()
    assert (one.used, one.title, one.phrases) == (2, "Hours", HOURS.phrases)
    assert one.used_at is not None


@pytest.mark.parametrize(
    ("draft", "why"),
    [
        (replace(HOURS, title=" "), "Give it a name"),
        (replace(HOURS, phrases=()), "Write 1 to 200 phrases"),
        (replace(HOURS, phrases=("?!",)), "is no phrase"),
        (replace(HOURS, phrases=("*",)), "is no phrase"),
        (replace(HOURS, phrases=("a*",)), "is no phrase"),
        (replace(HOURS, phrases=("when * open",)), "is no phrase"),
        (replace(HOURS, phrases=("a" * 201,)), "is no phrase"),
        (replace(HOURS, answer=" "), "Write the answer"),
        (replace(HOURS, account_id=999_999), "This account isn't there"),
    ],
)
async def test_what_makes_no_sense_is_refused_in_a_sentence(
    home: House, draft: CannedDraft, why: str
) -> None:
    with pytest.raises(ChangeRefused, match=why):
        await home.canned.add(draft, ROOT)
    assert await home.canned.listed() == []
