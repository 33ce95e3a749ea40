"""A device that shows codes, and the way of an admin who sets it up and signs in with it.

For a house whose clock stands (`at_one_moment`), as the device's does then.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import httpx
import pyotp

from tests.support.admin_house import MOMENT, PASSWORD, AdminHouse

ADDRESS = "/admin/me/second-factor"


@dataclass(frozen=True, slots=True)
class Device:
    """`at` None: its clock goes on."""

    secret: str
    at: float | None = None

    def code(self, steps: int = 0) -> str:
        """The code of now, or of so many steps later."""
        now = time.time() if self.at is None else self.at
        return pyotp.TOTP(self.secret).at(now, counter_offset=steps)


@dataclass(frozen=True, slots=True)
class SetUp:
    device: Device
    recovery: list[str]


async def scanned(admin: AdminHouse, role: str) -> tuple[Device, str]:
    """The device, and what the page sends along with its first code."""
    page = await admin.post(role, f"{ADDRESS}/begin", {"password": PASSWORD})  # type: ignore[arg-type]
    assert page.status_code == 200, page.text
    spelt = re.search(r'<code class="once"[^>]*>([A-Z2-7 ]+)</code>', page.text)
    sealed = re.search(r'name="sealed" value="([^"]+)"', page.text)
    assert spelt and sealed
    return Device(spelt[1].replace(" ", ""), MOMENT), sealed[1]


async def set_up(admin: AdminHouse, role: str) -> SetUp:
    device, sealed = await scanned(admin, role)
    form = {"sealed": sealed, "code": device.code(-1)}
    page = await admin.post(role, f"{ADDRESS}/confirm", form)  # type: ignore[arg-type]
    assert page.status_code == 200, page.text
    codes = re.findall(r"<li>([a-z2-7]{4}(?:-[a-z2-7]{4}){3})</li>", page.text)
    return SetUp(device, codes)


async def enter(client: httpx.AsyncClient, name: str, password: str = PASSWORD) -> httpx.Response:
    form = {"name": name, "password": password, "next": "/admin/me"}
    return await client.post("/admin/login", data=form)


async def give(client: httpx.AsyncClient, code: str) -> httpx.Response:
    return await client.post("/admin/login/code", data={"code": code})
