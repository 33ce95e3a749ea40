"""The journeys of operations in a real browser, with the pictures that the docs show."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from assistant.answering.supervision import Supervisor
from assistant.directives import Directives
from assistant.errors import CredentialsRefused
from assistant.messages import ChatRef
from assistant.outgoing.broadcasting import Broadcasting
from assistant.outgoing.broadcasts import Posts
from assistant.processes import Processes, ProcessPresence
from assistant.storage.leases import Leases
from bots.obeying import Obeying
from bots.ways_in import Listener, WaysIn
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.admin_browser import look, signed_in
from tests.support.admin_house import AdminHouse, admin_house
from tests.support.admins import stand
from tests.support.demo import quiet
from tests.support.house import FAST, House, house, running, until, working
from tests.support.orders import told

pytestmark = pytest.mark.browser
PEOPLE = (("51", "7", "Ana"), ("52", "8", "Jürgen"), ("53", "9", "سارة"))


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    settings = FAST.model_copy(update={"attempts": 1})
    async with (
        house(database_url, redis_url, settings=settings) as lived,
        admin_house(lived) as made,
    ):
        yield made


def engine(**values: float) -> ScriptedEngine:
    return ScriptedEngine(ScriptedSettings(**{"tokens_per_second": 500.0, **values}))


async def ask(home: House, text: str) -> list[int]:
    """Each of PEOPLE, in a chat of their own."""
    asked = [
        await home.say(
            text, ChatRef("telegram", "default", chat), sender_id=sender, sender_name=name
        )
        for chat, sender, name in PEOPLE
    ]
    return [one.turn_id for one in asked]


async def accept_questions(page: Page) -> None:
    page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))


async def test_an_operator_finds_what_failed_and_retries_one_and_then_all(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    home = admin.house
    async with working(home.worker(engine(fail_after_tokens=3))):
        for turn in await ask(home, "Tell me about herons"):
            await home.answer(turn)
    async with signed_in(admin_browser, admin, "operator") as page:
        await accept_questions(page)
        await page.goto("/admin/operations")
        await expect(page.get_by_role("row")).to_have_count(4)
        await look(page, "operations-failed")
        await page.get_by_role("button", name="Retry", exact=True).first.click()
        await expect(page.get_by_role("status")).to_contain_text("answered again")
        await expect(page.get_by_role("row")).to_have_count(3)
        await page.get_by_role("button", name="Retry all").click()
        await expect(page.get_by_role("status")).to_contain_text("2 turns are answered again.")
        await expect(page.get_by_text("Nothing has failed.")).to_be_visible()
    async with working(home.worker(engine())):
        chats = [home.screen.chats[chat] for chat, _, _ in PEOPLE]
        await until(lambda: all(chat[-1].last and "⚠" not in chat[-1].text for chat in chats))
    async with signed_in(admin_browser, admin, "viewer") as page:
        await page.goto("/admin/operations")
        await look(page, "operations-nothing-failed")


async def test_the_queue_is_seen_moving_and_a_turn_in_it_is_stopped(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    home = admin.house
    one_at_a_time = home.settings
    one_at_a_time.concurrent_turns = 1
    async with (
        working(home.worker(engine(tokens_per_second=5.0, answer_tokens=500), "host:7:a1b2c3")),
        signed_in(admin_browser, admin, "operator") as page,
    ):
        await accept_questions(page)
        await page.goto("/admin/operations/queue")
        await expect(page.get_by_text("Nobody is waiting.")).to_be_visible()
        await ask(home, "Tell me a story")
        await expect(page.get_by_role("row")).to_have_count(5)  # two heads, one runs, two wait
        await look(page, "operations-queue")
        waiting = page.get_by_role("region", name="Waiting")
        await waiting.get_by_role("button", name="Stop").first.click()
        await expect(waiting.get_by_role("row")).to_have_count(2)
        await (
            page.get_by_role("region", name="Being answered")
            .get_by_role("button", name="Stop")
            .click()
        )
        await expect(page.get_by_role("row")).to_have_count(2)  # the last one runs now


async def test_answers_that_did_not_arrive_are_shown_again_and_doubts_are_settled(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    home = admin.house
    async with working(home.worker(engine())):
        turns = await ask(home, "Tell me about herons")
        await until(lambda: stand(home, *(chat for chat, _, _ in PEOPLE)))
    failed, put_off, in_doubt = turns
    await home.rows(
        "UPDATE deliveries SET error = 'recipient_unreachable', state = 'failed'"
        f" WHERE turn_id = {failed}"
    )
    await home.rows(
        "UPDATE deliveries SET error = 'platform_unavailable', state = 'active',"
        f" lease_until = now() + interval '40 seconds' WHERE turn_id = {put_off}"
    )
    await home.rows(f"UPDATE deliveries SET placeholders_left = 1 WHERE turn_id = {in_doubt}")
    async with signed_in(admin_browser, admin, "operator") as page:
        await accept_questions(page)
        await page.goto("/admin/operations/deliveries")
        await look(page, "operations-deliveries")
        await page.get_by_role("button", name="Show again", exact=True).click()
        await expect(page.get_by_role("status")).to_contain_text("is shown again")
        await page.get_by_role("button", name="Now").click()
        await page.get_by_role("button", name="Looked").click()
        await expect(page.get_by_role("status")).to_contain_text("no more in doubt")

        async def settled() -> bool:
            open_ones = "SELECT FROM deliveries WHERE state <> 'done' OR placeholders_left > 0"
            return not await home.rows(open_ones)

        await until(settled)
        await page.goto("/admin/operations/deliveries")
        await expect(page.get_by_text("Every answer is where it belongs.")).to_be_visible()


class Revoked:
    """A way in whose token is refused the first time."""

    def __init__(self) -> None:
        self.opened = 0

    async def run(self) -> None:
        self.opened += 1
        if self.opened == 1:
            raise CredentialsRefused("Slack refused the token: invalid_auth.")
        await asyncio.Event().wait()


async def test_a_dead_channel_is_opened_anew_and_an_engine_restarted(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    home = admin.house
    name, version = "host:7:a1b2c3", "1.0"
    slack = Revoked()
    ways_in = WaysIn(Leases(home.database, home.heartbeats.of(name)))
    ways_in.add(
        [
            Listener("slack:default", slack.run, False),
            Listener("telegram:default", asyncio.Event().wait, True),  # type: ignore[arg-type]
        ]
    )
    model = engine()
    supervisor = Supervisor(model, quiet)
    worker = home.worker(model, name, supervisor)
    obeying = Obeying(ways_in, worker)

    def presence() -> ProcessPresence:
        return ProcessPresence(
            name, "run", version, "2026-03-01T09:30:00+00:00", "info", ways_in.states()
        )

    async with (
        working(worker),
        running(asyncio.create_task(ways_in.run())),
        running(asyncio.create_task(Processes(home.redis).announce(presence))),
        running(asyncio.create_task(Directives(home.redis).obey(name, obeying.carry_out))),
        signed_in(admin_browser, admin, "operator") as page,
    ):
        await accept_questions(page)
        await page.goto("/admin/operations/processes")
        await expect(page.get_by_text("invalid_auth")).to_be_visible()
        way = page.locator("dd", has_text="invalid_auth")
        await way.get_by_role("button", name="Open anew").click()
        await expect(page.get_by_text("slack:default is being opened anew.")).to_be_visible()
        await expect(page.get_by_text("invalid_auth")).to_have_count(0)
        await page.get_by_label("Seconds to end answers").fill("2")
        await page.get_by_role("button", name="Restart engine").click()
        await expect(page.get_by_text("The engine was built anew;")).to_be_visible()
        await look(page, "operations-processes")
    assert (slack.opened, supervisor.rebuilds) == (2, {"asked": 1})


async def test_maintenance_is_begun_with_words_and_ended(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    home = admin.house
    async with signed_in(admin_browser, admin, "operator") as page:
        await page.goto("/admin/operations/maintenance")
        await page.get_by_label("Your words behind that").fill("A new model comes, until 18:00.")
        await page.get_by_role("button", name="Begin maintenance").click()
        await expect(page.get_by_role("status")).to_contain_text("Maintenance is on.")
        await look(page, "operations-maintenance")
        await home.live.refresh()
        assert home.settings.maintenance
        await page.get_by_label("Log level").select_option("debug")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("status")).to_contain_text("log level is changed")
        await page.get_by_role("button", name="End maintenance").click()
        await expect(page.get_by_role("status")).to_contain_text("Maintenance is over")
    await home.live.refresh()
    assert (home.settings.maintenance, home.settings.log_level) == (False, "debug")
    async with signed_in(admin_browser, admin, "viewer") as page:
        await page.goto("/admin/operations/maintenance")
        await expect(page.get_by_role("button", name="Begin maintenance")).to_have_count(0)


async def test_a_broadcast_is_sent_followed_and_stopped(
    admin_browser: Browser, admin: AdminHouse
) -> None:
    home = admin.house
    for number in range(50, 100):
        await told(home, "news", "on", chat=ChatRef("telegram", "default", str(number)))
    async with signed_in(admin_browser, admin, "operator") as page:
        await accept_questions(page)
        await page.goto("/admin/operations/broadcasts")
        await expect(page.get_by_text("50 conversations have asked for news")).to_be_visible()
        await page.get_by_label("Text").fill("From Friday on a new model answers.")
        await page.get_by_role("button", name="Send").click()
        await expect(page.get_by_text("0 / 50").last).to_be_visible()
        delivery = home.delivery
        sending = Broadcasting(
            Posts(home.database, "gateway"),
            delivery.channels,
            delivery.governor,
            delivery.migration,
        )
        await sending.send_some()
        await expect(page.get_by_text("20 / 50").last).to_be_visible()
        await look(page, "operations-broadcast")
        await page.get_by_role("button", name="Stop").click()
        await expect(page.get_by_text("Stopped before")).to_be_visible()
        assert await sending.send_some() == 0
        await page.goto("/admin/operations/broadcasts")
        await expect(page.get_by_role("row")).to_have_count(2)
        await look(page, "operations-broadcasts")
    assert len(home.screen.said) == 20
