"""Take the README's picture of the web chat, from a running server or from scripted answers.

python -m tests.support.web_picture docs/images/web-chat.png [http://127.0.0.1:8080]
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace

from playwright.async_api import expect

from tests.support.chat_app import chat_app
from tests.support.chromium import chromium
from tests.support.memory_assistant import INFO, MemoryAssistant
from tests.support.serving import serving
from tests.support.web_demo import script

QUESTIONS = (
    "What is the capital of France?",
    "And of Italy?",
    "Show me a Python function that reverses a string.",
)
SCRIPTED = replace(INFO, model="scripted", notice="Scripted answers, to show the page.")


async def take(path: str, address: str) -> None:
    async with chromium() as browser:
        page = await browser.new_page(
            viewport={"width": 1080, "height": 740}, color_scheme="light", device_scale_factor=2
        )
        await page.goto(address)
        for number, question in enumerate(QUESTIONS, 1):
            await page.get_by_role("textbox", name="Message").fill(question)
            await page.get_by_role("button", name="Send").click()
            done = page.locator(".exchange[data-state=done]")
            await expect(done).to_have_count(number, timeout=180_000)
        await page.screenshot(path=path)


async def main(path: str, address: str = "") -> None:
    if address:
        await take(path, address)
        return
    async with (
        MemoryAssistant(script, info=SCRIPTED) as assistant,
        serving(chat_app(assistant)) as scripted,
    ):
        await take(path, scripted)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
