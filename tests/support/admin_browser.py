"""The dashboard in a real browser: signed in by role, looked at, and held to WCAG AA by axe."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, Page

from assistant.roles import Role
from bots.admin.door import COOKIE
from tests.support.admin_house import AdminHouse

PICTURES = Path(__file__).parents[2] / "docs" / "admin" / "pictures"
AXE = Path(__file__).parent / "axe" / "axe.min.js"
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}


@asynccontextmanager
async def signed_in(
    browser: Browser, admin: AdminHouse, role: Role = "admin", **options: object
) -> AsyncIterator[Page]:
    """A page of an admin of this role. Whatever the browser complains about fails the test, but
    what it says of an answer with an error status: that is the server's to say."""
    context = await browser.new_context(
        **{"viewport": WIDE, "base_url": admin.address, "locale": "en-GB", **options}
    )
    await context.add_cookies(
        [
            {
                "name": COOKIE,
                "value": admin.tokens[role],
                "domain": "127.0.0.1",
                "path": "/admin",
                "httpOnly": True,
                "sameSite": "Lax",
            }
        ]
    )
    complaints: list[str] = []
    try:
        page = await context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if _bad(said) else None)
        yield page
        assert complaints == []
    finally:
        await context.close()


def _bad(said) -> bool:  # type: ignore[no-untyped-def]
    failed = "Failed to load resource: the server responded with a status" in said.text
    return said.type in ("error", "warning") and not failed


async def faults_by_axe(page: Page) -> list[str]:
    """What breaks WCAG 2.2 A and AA on this page, each with where; empty where nothing does."""
    await page.wait_for_load_state()  # before its styles are there, everything is too small
    # Straight into the page: its policy lets no script of another place in.
    await page.evaluate(AXE.read_text("utf-8"))
    found = await page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
    )
    return [
        f"{one['id']}: {', '.join(str(node['target'][0]) for node in one['nodes'][:3])}"
        for one in found["violations"]
    ]


async def fits(page: Page) -> bool:
    """Whether nothing has to be scrolled sideways but what scrolls in itself."""
    return bool(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


async def look(page: Page, name: str) -> None:
    """Axe, in light and dark, wide and on a phone; and the pictures of it that docs show.

    Pictures are kept as `docs/admin/pictures/<name>.png` (wide, light) and `<name>-phone.png`
    (phone, dark), written anew where OUTRIDER_PICTURES=1 is set.
    """
    for viewport, scheme, suffix in ((WIDE, "light", ""), (PHONE, "dark", "-phone")):
        await page.set_viewport_size(viewport)
        await page.emulate_media(color_scheme=scheme)
        faults = await faults_by_axe(page)
        assert faults == [], f"{name}, {scheme}: {faults}"
        assert await fits(page), f"{name} is wider than {viewport['width']}"
        await picture(page, f"{name}{suffix}")
    await page.set_viewport_size(WIDE)
    await page.emulate_media(color_scheme="light")


async def picture(page: Page, name: str) -> None:
    """Keep what it looks like, where OUTRIDER_PICTURES=1 is set."""
    if os.environ.get("OUTRIDER_PICTURES") != "1":
        return
    shot = Image.open(io.BytesIO(await page.screenshot()))
    PICTURES.mkdir(parents=True, exist_ok=True)
    # A palette is a third of the size, and nobody sees the difference on a page.
    shot.convert("RGB").quantize(128).save(PICTURES / f"{name}.png", optimize=True)
