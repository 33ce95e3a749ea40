"""A walk through all that Outrider does in Telegram, with the demo model's own answers.

    python -m tests.walks telegram --write

plays it on the whole program and the fake Bot API server, and writes docs/telegram-walk.md.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.benchmarks.program import demo_data_dir, started
from tests.fakes.telegram import FakeTelegram, Limits
from tests.fakes.telegram.chats import Message
from tests.fakes.telegram.origins import from_hidden
from tests.support.program import Program
from tests.walks.stage import SECONDS, TelegramStage

ANA, BEN, CARLA, DILIP = 501, 502, 503, 504
GROUP, FORUM = -1001, -1002
QUESTION = "What is the capital of France?"
STORY = "Write a story about a lighthouse."


HEAD = """# A walk through Outrider in Telegram

Played on the whole program and the fake Bot API server by `python -m tests.walks telegram --write`;
the answers are the demo model's own, which is small and knows little. `[…]` are buttons.
"""


async def walk(folder: Path, lines: list[str]) -> None:
    lines += [HEAD]
    async with stage(folder, lines) as on:
        await play(on)


@asynccontextmanager
async def stage(folder: Path, lines: list[str]) -> AsyncIterator[TelegramStage]:
    async with FakeTelegram(limits=Limits()) as telegram:
        settings = {
            "ENGINE__PROFILE": "demo",
            "TELEGRAM__TOKEN": telegram.token,
            "TELEGRAM__BASE_URL": telegram.url,
            "TELEGRAM__ACCESS": "pairing",
            "TELEGRAM__INLINE": "true",
            "TELEGRAM__GUEST": "true",
        }
        async with started(Program(await demo_data_dir(folder), settings)) as outrider:
            played = TelegramStage(outrider=outrider, lines=lines, telegram=telegram)
            played.name(ANA, "Ana")
            played.name(BEN, "Ben", "de")
            played.name(CARLA, "Carla")
            played.name(DILIP, "Dilip")
            yield played


async def play(on: TelegramStage) -> None:
    await first_contact(on)
    await question_and_answer(on)
    await control(on)
    await while_it_is_busy(on)
    await orders(on)
    await what_people_send(on)
    await groups(on)
    await elsewhere(on)
    await when_something_dies(on)


async def first_contact(on: TelegramStage) -> None:
    on.scene("First contact", "Access is by pairing, the default.")
    on.says(ANA, "/start")
    refusal = await on.reply(ANA)
    code = re.findall(r"outrider pair (\w+)", refusal.text)[0]
    on.command("pair", code)
    on.says(ANA, "/start")
    await on.reply(ANA)


async def question_and_answer(on: TelegramStage) -> None:
    on.scene("A question")
    on.says(ANA, QUESTION)
    await on.reply(ANA, edits=True)
    on.says(ANA, "And of Italy?")
    await on.reply(ANA, edits=True)


async def control(on: TelegramStage) -> None:
    telegram = on.telegram
    on.scene("Stop, another answer, thumbs")
    on.says(ANA, STORY)
    reply = await on.growing(ANA, characters=80)
    on.tell("Ana presses Stop while it is being written.")
    on.press(reply, "stop")
    await on.has(reply, "retry")
    on.shown(reply)
    on.tell("Ana presses 👍, then 🔄 under the same answer.")
    on.press(reply, "up")
    former = reply.text
    on.press(reply, "retry")
    await on.has(reply, "stop")
    on.tell("It is written again, in place; she stops it once more.")
    await telegram.until(lambda: len(reply.text) > 40 and reply.text != former, SECONDS)
    on.press(reply, "stop")
    await on.has(reply, "retry")

    on.scene("An edited question")
    on.says(ANA, "/new")
    await on.reply(ANA)
    asked = on.says(ANA, "What is the capital of Spain?")
    reply = await on.reply(ANA)
    on.tell("Ana edits her question: “What is the capital of Portugal?”")
    former = reply.text
    telegram.user_edits(asked, "What is the capital of Portugal?")
    await on.becomes(reply, former)


async def while_it_is_busy(on: TelegramStage) -> None:
    telegram = on.telegram
    on.scene("A message while it is busy")
    on.says(ANA, STORY)
    reply = await on.growing(ANA, characters=40)
    second = on.says(ANA, QUESTION)
    await telegram.until(lambda: second.reactions, SECONDS)
    on.tell(f"Her message is marked {second.reactions[0]}: it waits. She stops the story.")
    on.press(reply, "stop")
    await on.reply(ANA)


async def orders(on: TelegramStage) -> None:
    on.scene("Orders")
    for order in (
        "/help", "/persona", "/persona brief", "/memory", "/memory I live in Lisbon", "/memory",
        "/memory forget 1", "/usage", "/model", "/about", "/lang", "/lang de", "/help",
        "/lang auto", "/export",
    ):  # fmt: skip
        on.says(ANA, order)
        reply = await on.reply(ANA)
        if document := reply.content.get("document"):
            on.tell(f"A file: {document['file_name']}, {document['file_size']} bytes.")
    on.says(ANA, "/persona default")
    await on.reply(ANA)
    asked = on.says(ANA, "My number is 12345, what is 2 and 2?")
    await on.reply(ANA)
    on.tell("Ana replies to her message with /forget.")
    on.says(ANA, "/forget", reply_to=asked.message_id)
    await on.reply(ANA)
    on.says(ANA, "/forget all")
    await on.reply(ANA)


async def what_people_send(on: TelegramStage) -> None:
    telegram = on.telegram
    on.scene("What people send")
    link = {"type": "text_link", "offset": 5, "length": 9, "url": "https://example.org/lisbon"}
    on.tell("With a link behind the words “this page”.")
    on.says(ANA, "Is “this page” about a city?", entities=[{**link, "offset": 4, "length": 9}])
    last = await on.reply(ANA)
    on.tell("A reply, with a part of the answer quoted.")
    word = last.text.split()[0]
    on.says(ANA, "What do you mean by that?", reply_to=last.message_id, quote=word)
    await on.reply(ANA)
    on.tell("Forwarded from somebody who hides who they are.")
    on.says(ANA, "The train leaves at nine.", forward_origin=from_hidden("Erik"))
    await on.reply(ANA)
    for what, send in SENT:
        await on.anew(ANA)
        on.sends(ANA, what, send(telegram))
        await on.reply(ANA)


SENT: Sequence[tuple[str, Callable[[FakeTelegram], Message]]] = (
    (
        "a text file, cities.csv, with the words “Which city has more people?”",
        lambda telegram: telegram.user_sends_document(
            ANA,
            b"city,people\nLisbon,567131\nPorto,248769\n",
            file_name="cities.csv",
            mime_type="text/csv",
            caption="Which city has more people?",
        ),
    ),
    ("a location", lambda telegram: telegram.user_sends_location(ANA)),
    ("a poll", lambda telegram: telegram.user_sends_poll(ANA, "Tea or coffee?", ["Tea", "Coffee"])),
    ("a sticker", lambda telegram: telegram.user_sends_sticker(ANA)),
    ("a voice message", lambda telegram: telegram.user_sends_voice(ANA)),
    ("a photo, which the demo model can't see", lambda telegram: telegram.user_sends_photo(ANA)),
)


async def groups(on: TelegramStage) -> None:
    telegram = on.telegram
    on.scene("In a group", "Only what is addressed to it is heard, and nothing else is stored.")
    telegram.make_group(GROUP, "Kitchen", kind="supergroup")
    username = telegram.bot["username"]
    on.says(GROUP, "Who has the keys?", sender_id=ANA)
    await on.silence(GROUP)
    on.says(GROUP, f"@{username} {QUESTION}", sender_id=ANA)
    reply = await on.reply(GROUP)
    on.says(GROUP, "And of Italy?", sender_id=ANA, reply_to=reply.message_id)
    await on.reply(GROUP)
    on.says(GROUP, f"/memory@{username}", sender_id=ANA)
    await on.reply(GROUP)
    on.tell("Ben, whom nobody let in, asks; his app is in German.")
    on.says(GROUP, f"@{username} Hallo?", sender_id=BEN)
    await on.reply(GROUP)
    on.scene("Topics", "Each is a conversation of its own.")
    telegram.make_forum(FORUM, "Team")
    topic = telegram.open_topic(FORUM, "Travel", sender_id=ANA)
    on.says(FORUM, f"@{username} {QUESTION}", sender_id=ANA, thread_id=topic)
    await on.reply(FORUM)
    on.scene("A group becomes a supergroup")
    telegram.make_group(-77, "Old group")
    on.says(-77, f"@{username} {QUESTION}", sender_id=ANA)
    await on.reply(-77)
    moved = telegram.group_becomes_supergroup(-77, sender_id=ANA)
    on.tell("It has another id from now on; the conversation goes on.")
    on.says(moved, f"@{username} And of Italy?", sender_id=ANA)
    await on.reply(moved)


async def elsewhere(on: TelegramStage) -> None:
    telegram, username = on.telegram, on.telegram.bot["username"]
    on.scene("Where it is no member", "Inline and as a guest: both are settings, and off at first.")
    on.tell(f"In a chat with somebody else, Ana types: @{username} {QUESTION}")
    query = telegram.user_types_inline(QUESTION, sender_id=ANA)
    await telegram.until(lambda: query in telegram.first_bot.answers, SECONDS)
    offered = telegram.first_bot.answers[query]["results"]
    on.tell(f"She is offered “{offered[0]['title']}”, and takes it.")
    message = telegram.user_chooses(query, chat_id=-201)
    await on.becomes(message, message.text)
    on.said(ANA, f"@{username} {QUESTION}")
    guest = telegram.user_asks_guest(-202, f"@{username} {QUESTION}", sender_id=ANA)
    stored = telegram.chat(-202).messages

    def answer() -> Message | None:
        return next((one for one in stored.values() if one.reply_to == guest.message_id), None)

    await telegram.until(answer, SECONDS)
    answered = answer()
    assert answered is not None
    await on.becomes(answered, "…")


async def when_something_dies(on: TelegramStage) -> None:
    on.scene("Killed in the middle of an answer")
    on.says(ANA, STORY)
    reply = await on.growing(ANA, characters=200)
    on.tell(f"`kill -9`, after {len(reply.text)} characters. It is started again.")
    await on.killed()
    await on.has(reply, "retry")
    on.shown(reply, edits=True)
