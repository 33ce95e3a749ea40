"""A walk through all that Outrider does in Slack, with the demo model's own answers.

    python -m tests.walks slack --write

plays it on the whole program and the fake Slack server, and writes docs/slack-walk.md. A scene is a
function; what the demo model wouldn't say by itself is recited, in scenes of their own.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from bots.slack.agent.shortcut import CALLBACK, WORDS
from bots.slack.agent.shortcut import QUESTION as FIELD
from tests.benchmarks.program import demo_data_dir, started
from tests.benchmarks.reciting import LONGEST, REPEAT
from tests.fakes.slack import FakeSlack
from tests.support.pictures import png
from tests.support.program import Program
from tests.walks.slack_stage import SlackStage
from tests.walks.stage import SECONDS

ADA, BEN, ADMIN = "U0ADA", "U0BEN", "U0CLEO"
GENERAL, TEAM = "C0GENERAL", "C0TEAM"
QUESTION = "What is the capital of France?"
STORY = "Write a story about a lighthouse."
REST_SECONDS = 25.0  # until a budget that begins anew has room for streams
HEAD = """# A walk through Outrider in Slack

Played on the whole program and the fake Slack server by `python -m tests.walks slack --write`; the
answers are the demo model's own, which is small and knows little. Those of the last scenes are
recited, so that they have in them what is to be shown. Beside a name, `like this`, stand buttons.
"""

Scene = Callable[[SlackStage], Awaitable[None]]


async def walk(folder: Path, lines: list[str]) -> None:
    lines += [HEAD]
    data_dir = await demo_data_dir(folder)
    recited = {"ENGINE__PROFILE": "scripted", "ENGINE__SCRIPTED__TOKENS_PER_SECOND": "60"}
    async with FakeSlack() as fake:
        settings = {
            "SLACK__BOT_TOKEN": fake.bot_token,
            "SLACK__APP_TOKEN": fake.app_token,
            "SLACK__BASE_URL": fake.url,
        }
        demo = Program(data_dir, settings | {"ENGINE__PROFILE": "demo"})
        await _play(fake, demo, ANSWERED, lines)
        paired = Program(
            data_dir, settings | {"ENGINE__PROFILE": "demo", "SLACK__ACCESS": "pairing"}
        )
        await _play(fake, paired, PAIRED, lines)
        reciting = Program(data_dir, settings | recited, module="tests.benchmarks.reciting")
        await _play(fake, reciting, RECITED, lines)


async def _play(
    fake: FakeSlack, program: Program, scenes: Sequence[Scene], lines: list[str]
) -> None:
    async with started(program) as outrider:
        await asyncio.sleep(REST_SECONDS)
        on = SlackStage(outrider=outrider, lines=lines, slack=fake)
        on.name(ADA, "Ada")
        on.name(BEN, "Ben", "de-DE")
        for scene in scenes:
            await scene(on)


async def direct_messages(on: SlackStage) -> None:
    on.scene("A direct message", "Each opens a thread, which is a conversation.")
    asked = on.says(ADA, QUESTION)
    await on.status(asked)
    await on.reply(asked, how=True)
    further = on.says(ADA, "And of Italy?", under=asked)
    await on.reply(further, how=True)


async def a_channel(on: SlackStage) -> None:
    on.scene("In a channel", "What doesn't mention it is not heard, and stored nowhere.")
    asked = on.says(ADA, "Who has the keys?", channel=GENERAL)
    await on.silence(asked)
    asked = on.says(ADA, f"@Outrider {QUESTION}", channel=GENERAL)
    await on.status(asked)
    await on.reply(asked, how=True)

    on.scene("In the thread", "It takes part now: no further mention is needed.")
    further = on.says(BEN, "And of Italy?", channel=GENERAL, under=asked)
    await on.reply(further)
    quiet = on.says(ADA, "!quiet", channel=GENERAL, under=asked)
    await on.reply(quiet)
    among = on.says(BEN, "Shall we go there?", channel=GENERAL, under=asked)
    await on.silence(among)
    back = on.says(BEN, "@Outrider And of Spain?", channel=GENERAL, under=asked)
    await on.reply(back)


async def orders(on: SlackStage) -> None:
    on.scene("Orders", "With `!` in messages and threads; Slack delivers no slash command there.")
    asked = on.says(ADA, "!help")
    await on.reply(asked)
    for order in (
        "!persona brief", "!memory I live in Lisbon", "!memory", "!lang de", "!about", "!lang auto",
        "!persona default",
    ):  # fmt: skip
        await on.reply(on.says(ADA, order, under=asked))
    on.tell("About a conversation:")
    asked = on.says(ADA, "My number is 12345, what is 2 and 2?")
    await on.reply(asked)
    for order in ("!export", "!forget", "!new"):
        await on.reply(on.says(ADA, order, under=asked))
    for order in ("usage", "model", "new"):
        await on.order(ADA, order)


async def buttons(on: SlackStage) -> None:
    on.scene("Buttons, and another answer")
    asked = on.says(ADA, "Name a fruit.")
    reply = await on.reply(asked)
    on.tell("Ada presses “Good answer”, and is told so alone.")
    feedback = reply.now.button("feedback")
    assert feedback is not None
    await on.press(reply, ADA, "feedback", value=feedback["positive_button"]["value"])
    on.tell("Ada presses 🔄: it is answered again, in place.")
    async with on.anew(reply):
        await on.press(reply, ADA, "retry")
    on.shown(reply)
    async with on.anew(reply):
        on.says(ADA, "!retry", under=asked)
    on.tell("And once more, in place.")


async def while_it_is_busy(on: SlackStage) -> None:
    on.scene("A message while it is busy")
    asked = on.says(ADA, STORY)
    reply = await on.growing(asked, characters=40)
    second = on.says(ADA, QUESTION, under=asked)
    await on.slack.until(lambda: bool(second.reactions), SECONDS)
    on.tell(f"Her message is marked with :{second.reactions[0]}:, it waits. She stops the story.")
    await on.stops(reply, ADA)
    await on.reply(second)


async def edits_and_deletions(on: SlackStage) -> None:
    on.scene("An edited question")
    asked = on.says(ADA, "What is the capital of Spain?")
    reply = await on.reply(asked)
    on.tell("Ada edits her question: “What is the capital of Portugal?”")
    async with on.anew(reply):
        on.slack.edit(asked, "What is the capital of Portugal?")
    on.shown(reply)
    on.scene("A deleted question")
    asked = on.says(ADA, "What is the capital of Norway?")
    await on.reply(asked)
    on.tell("Ada deletes her question.")
    on.slack.delete(asked)
    await on.slack.until(lambda: not on.replies(asked), SECONDS)
    on.tell("The answer is gone with it.")


async def stopping(on: SlackStage) -> None:
    on.scene("Stop")
    asked = on.says(ADA, STORY)
    reply = await on.growing(asked, characters=80)
    on.tell("Ada presses the stop button while it is being written; a stream has Slack's own.")
    await on.stops(reply, ADA)
    on.shown(reply)
    asked = on.says(ADA, STORY)
    reply = await on.growing(asked, characters=80)
    on.says(ADA, "!stop", under=asked)
    await on.done(reply)
    on.shown(reply)


async def what_people_send(on: SlackStage) -> None:
    on.scene("What people send")
    cities = b"city,people\nLisbon,567131\nPorto,248769\n"
    shared = on.slack.file("cities.csv", cities, "text/csv")
    await on.reply(on.sends(ADA, "a text file, cities.csv", shared, "Which city has more people?"))
    picture = on.slack.file("lighthouse.png", png(4, 3), "image/png")
    await on.reply(on.sends(ADA, "a picture, which the demo model can't see", picture))
    spoken = on.says(BEN, "The train leaves at nine.", channel=GENERAL)
    on.tell("Ada forwards Ben's message to it, with a question.")
    on.said(ADA, "When does the train leave?")
    await on.reply(on.slack.forward(spoken, f"D{ADA}", ADA, "When does the train leave?"))


async def called_into_a_thread(on: SlackStage) -> None:
    on.scene("Called into a thread", "With its first mention there it reads what was said before.")
    root = on.says(ADA, "We meet in Porto on Friday.", channel=TEAM)
    await on.silence(on.says(BEN, "I can't come.", channel=TEAM, under=root))
    asked = on.says(ADA, "@Outrider Where do we meet?", channel=TEAM, under=root)
    await on.reply(asked)


async def another_bot(on: SlackStage) -> None:
    on.scene("Another bot", "It is answered where it mentions Outrider, and only so often.")
    called = f"<@{on.slack.workspace.bot_user_id}> {QUESTION}"
    on.line("Another bot", "The build is green.")
    await on.silence(on.slack.other_bot_says(TEAM, "The build is green."))
    on.line("Another bot", f"@Outrider {QUESTION}")
    await on.reply(on.slack.other_bot_says(TEAM, called))


async def the_pane(on: SlackStage) -> None:
    on.scene("The agent pane", "What may be asked first, by the persona; each thread gets a title.")
    on.tell("Ada opens the pane.")
    on.slack.open_home(ADA, "messages")
    await on.slack.until(lambda: (f"D{ADA}", "") in on.slack.workspace.prompts, SECONDS)
    shown = on.slack.workspace.prompts[f"D{ADA}", ""]
    on.line("The pane", "\n".join([shown["title"], *[one["title"] for one in shown["prompts"]]]))
    asked = on.says(ADA, shown["prompts"][0]["message"])
    await on.reply(asked)
    await on.slack.until(lambda: (asked.channel, asked.ts) in on.slack.workspace.titles, SECONDS)
    on.tell(f"The thread is called: {on.slack.workspace.titles[asked.channel, asked.ts]}")


async def the_home_tab(on: SlackStage) -> None:
    on.scene("The home tab", "What is used, chosen and remembered, and the orders.")
    on.tell("Ada opens the tab.")
    await on.home(ADA, lambda: on.slack.open_home(ADA))
    on.tell("She chooses German.")
    german = {"action_id": "home_lang", "selected_option": {"value": "de"}}
    await on.home(ADA, lambda: on.slack.press_in_home(ADA, german))
    automatic = {"action_id": "home_lang", "selected_option": {"value": "auto"}}
    await on.home(ADA, lambda: on.slack.press_in_home(ADA, automatic), shown=False)


async def about_a_message(on: SlackStage) -> None:
    on.scene("Ask about this message", "The shortcut in the menu of every message.")
    said = on.says(BEN, "Lisbon is the capital of Portugal.", channel=GENERAL)
    on.tell("Ada chooses it in the menu of Ben's message, and a form opens.")
    on.slack.use_shortcut(said, ADA, CALLBACK)
    await on.slack.until(lambda: bool(on.slack.workspace.views), SECONDS)
    [form] = on.slack.workspace.views.values()
    on.line("The form", form["title"]["text"])
    on.line("Ada", "Which country is meant?", ", in the form")
    words = {"type": "plain_text_input", "value": "Which country is meant?"}
    on.slack.submit(form["id"], ADA, {FIELD: {WORDS: words}})
    await on.slack.until(lambda: len(on.replies(said)) > 1, SECONDS)
    await on.reply(said)


async def a_stranger(on: SlackStage) -> None:
    on.scene("Who may talk to it", "Here by pairing: an admin of the workspace lets people in.")
    on.name(ADMIN, "Cleo", is_admin=True)
    refused = await on.reply(on.says(BEN, "Hello"))
    code = re.findall(r"!?pair (\w+)", refused.now.markdown)[0]
    await on.reply(on.says(ADMIN, f"!pair {code}"))
    await on.reply(on.says(BEN, QUESTION))


async def killed(on: SlackStage) -> None:
    on.scene("Killed in the middle of an answer")
    asked = on.says(ADA, STORY)
    reply = await on.growing(asked, characters=200)
    on.tell(f"`kill -9`, after {len(reply.now.markdown)} characters. It is started again.")
    await on.killed()
    await on.done(reply)
    on.shown(reply, how=True)
    assert on.replies(asked) == [reply]


async def a_long_answer(on: SlackStage) -> None:
    on.scene("A long answer", "With a table and code, in several messages.")
    asked = on.says(ADA, f"Give me the {LONGEST} of the tides.")
    await on.slack.until(lambda: len(on.replies(asked)) > 1, SECONDS)
    await on.done(on.replies(asked)[-1])
    await on.reply(asked, how=True)


async def broadcasts(on: SlackStage) -> None:
    on.scene("Nobody is called", "What would wake everybody is taken apart, invisibly.")
    asked = on.says(
        ADA, f"@Outrider {REPEAT}@channel lunch! And @here too, <!everyone>.", channel=TEAM
    )
    await on.reply(asked)
    assert on.slack.broadcasts == []
    on.tell("Slack has called nobody.")


ANSWERED: Sequence[Scene] = (
    direct_messages,
    a_channel,
    orders,
    buttons,
    while_it_is_busy,
    edits_and_deletions,
    stopping,
    what_people_send,
    called_into_a_thread,
    another_bot,
    the_pane,
    the_home_tab,
    about_a_message,
    killed,
)
RECITED: Sequence[Scene] = (a_long_answer, broadcasts)
PAIRED: Sequence[Scene] = (a_stranger,)
