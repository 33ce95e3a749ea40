"""The overview: whether all is well, what needs a hand, and what happens now; live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from assistant.insight.concerns import Concern
from assistant.insight.glance import Glance, Glances
from assistant.storage.admins import Admins
from bots.admin.door import SignedIn, needs
from bots.admin.faults import page_router
from bots.admin.live import live
from bots.admin.navigation import NAVIGATION
from bots.admin.shell import Shell

PARTS = ("concerns", "totals", "engines", "channels", "turns", "turn_list")
# Where a concern is seen to: the page by its name, as far as there is one that this admin may see.
PLACES: Mapping[str, str] = {
    "engine": "operations",
    "queue": "operations",
    "turns": "operations",
    "channel": "operations",
    "people": "people",
}
KINDS = {"stands": "bad", "hampers": "warn", "asks": "note"}
STANDINGS = {"open": "ok", "opening": "warn", "down": "bad", "refused": "bad"}
ENGINES = {"ready": "ok", "asleep": "quiet", "waking": "warn", "starting": "warn"}


def overview_pages(shell: Shell, glances: Glances, admins: Admins) -> APIRouter:
    router = page_router()

    @router.get("/overview")
    async def page(
        request: Request,
        me: Annotated[SignedIn, needs("viewer")],
        still: Annotated[str, Query(max_length=8)] = "",
    ) -> Response:
        context = {**_context(await glances.now(), me), "is_live": not still}
        return shell.page(request, "overview.html", context)

    @router.get("/overview/live")
    async def stream(request: Request, me: Annotated[SignedIn, needs("viewer")]) -> Response:
        async def render() -> Mapping[str, str]:
            context = _context(await glances.now(), me)
            return {part: shell.html(request, f"overview_{part}.html", context) for part in PARTS}

        return live(render, me, admins.of_session)

    return router


def _context(glance: Glance, me: SignedIn) -> dict[str, Any]:
    pages = {one.page: one.address for one in NAVIGATION if me.may(one.role)}
    return {
        "glance": glance,
        "concerns": [(one, KINDS[one.gravity], _place(one, pages)) for one in glance.concerns],
        "standings": STANDINGS,
        "engines": ENGINES,
        "spark": spark,
        "turn_page": pages.get("traces", ""),
        "ago_of": lambda moment: (glance.turns.at - moment).total_seconds() if moment else None,
    }


def _place(concern: Concern, pages: Mapping[str, str]) -> str:
    return pages.get(PLACES.get(concern.key.partition(".")[0], ""), "")


def spark(rates: tuple[float, ...], width: float = 120.0, height: float = 24.0) -> str:
    """The points of a line through these values, from left to right, the largest at the top."""
    most = max(rates, default=0.0)
    if len(rates) < 2 or most <= 0:
        return ""
    step = width / (len(rates) - 1)
    return " ".join(
        f"{step * place:.1f},{height - 1 - (height - 2) * rate / most:.1f}"
        for place, rate in enumerate(rates)
    )
