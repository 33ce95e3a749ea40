"""Installing the app in a workspace, in a real browser: sites, cookies and policies are its own."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from tests.fakes.slack import FakeSlack, Rates
from tests.support.chromium import chromium
from tests.support.slack_house import installable, slack_house

pytestmark = pytest.mark.browser
SECOND = "T0SECOND"


async def test_a_person_signs_in_allows_at_slack_and_comes_back_to_one_clear_page(
    database_url: str, redis_url: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    # To a browser 127.0.0.1 and localhost are two sites, as slack.com and ours are.
    ours = f"http://localhost:{port}"
    async with FakeSlack(rates=Rates(enforced=False)) as slack, chromium() as browser:
        slack.add_workspace(SECOND, "Second", installed=False)
        given = installable(slack, port, workspaces="", redirect_url=f"{ours}/slack/oauth_redirect")
        async with slack_house(
            given, database_url, redis_url, port=port, password="open sesame"
        ) as here:
            page = await browser.new_page()
            await page.goto(f"{ours}/slack/install")
            await page.fill("#password", "open sesame")
            await page.click("button")
            await page.get_by_role("button", name="Allow in Second").click()
            await page.get_by_role("heading", name="Outrider is installed").wait_for()
            assert urlsplit(page.url).query == ""
            assert here.accounts == {SECOND}
