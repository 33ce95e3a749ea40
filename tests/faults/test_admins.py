"""The ways into the dashboard of the whole program: its passwords, a provider, and a lost one."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.fakes.oidc.server import CLIENT_ID, CLIENT_SECRET, OidcProvider
from tests.faults.test_keys import command
from tests.support.admin_house import seen
from tests.support.program import Program

Make = Callable[..., Program]


def form(name: str, password: str) -> dict[str, str]:
    return {"name": name, "password": password}


@pytest.mark.timeout(300)
async def test_each_way_in_opens_what_it_says_and_a_lost_one_is_made_anew(
    outrider: Make, tmp_path: Path
) -> None:
    async with OidcProvider().running() as provider:
        settings = {
            "ADMIN__PASSWORD": "of the admin",
            "ADMIN__CHAT_PASSWORD": "of the team",
            "ADMIN__OIDC__ISSUER": provider.url,
            "ADMIN__OIDC__CLIENT_ID": CLIENT_ID,
            "ADMIN__OIDC__CLIENT_SECRET": CLIENT_SECRET,
            "ADMIN__OIDC__OPERATOR_GROUPS": "On Call, Outrider Admins",
        }
        program = outrider(tmp_path / "data", settings=settings)
        program.start()
        await program.until_ready()
        key = tmp_path / "data" / "totp-key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        async with httpx.AsyncClient(base_url=program.url, timeout=20) as client:
            await _passwords(client)
        async with httpx.AsyncClient(
            base_url=program.url, timeout=20, follow_redirects=True
        ) as client:
            arrived = await client.get("/admin/login/oidc?next=/admin/me")
            assert "ana operator" in seen(arrived)
        beside = {"DATA_DIR": str(tmp_path / "data")}
        status, said = await command(outrider, tmp_path, beside, "admins", "reset", "Admin")
        assert status == 0, said
        new = next(line for line in said.splitlines() if len(line) == 22 and " " not in line)
        async with httpx.AsyncClient(base_url=program.url, timeout=20) as client:
            answer = await client.post("/admin/login", data=form("admin", new))
            assert answer.status_code == 303
        for nobody in ("nobody", "ana"):
            status, said = await command(outrider, tmp_path, beside, "admins", "reset", nobody)
            assert (status, "There is no such admin" in said) == (1, True), said
        for secret in ("of the admin", "of the team", CLIENT_SECRET, new):
            assert secret not in program.output


async def _passwords(client: httpx.AsyncClient) -> None:
    for password, status in (("of the admin", 403), ("of the team", 303)):
        answer = await client.post("/login", data={"password": password})
        assert answer.status_code == status, "the web chat"
    for password, status in (("of the team", 403), ("of the admin", 303)):
        answer = await client.post("/admin/login", data=form("admin", password))
        assert answer.status_code == status, "the dashboard"
