"""The analytics page, and what it shows as a file."""

from __future__ import annotations

import asyncio
from typing import Annotated

from babel.dates import format_date
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from assistant.insight.figures import Figures, Report
from assistant.insight.latencies import MEASURES
from assistant.insight.monthly import LICENCE_LINE
from bots.admin.analytics.choosing import SPANS, Asked
from bots.admin.analytics.drawing import drawn, group_name
from bots.admin.analytics.options import options
from bots.admin.analytics.spreadsheet import spreadsheet
from bots.admin.door import SignedIn, needs
from bots.admin.faults import page_router
from bots.admin.shell import Shell

_Text = Annotated[str, Query(max_length=64)]


def _asked(
    first: _Text = "",
    last: _Text = "",
    days: _Text = "",
    channel: _Text = "",
    persona: _Text = "",
    by: _Text = "",
) -> Asked:
    return Asked(first, last, days, channel.replace("\x00", ""), persona, by)


def analytics_pages(shell: Shell, figures: Figures) -> APIRouter:
    router = page_router()

    async def reported(asked: Asked) -> Report:
        known = await figures.standing()
        return await figures.report(asked.choice(known.today), known)

    @router.get("/analytics")
    async def page(
        request: Request,
        _: Annotated[SignedIn, needs("viewer")],
        asked: Annotated[Asked, Depends(_asked)],
    ) -> Response:
        known, words = await figures.standing(), shell.words(request)
        report, months = await asyncio.gather(
            figures.report(asked.choice(known.today), known), figures.months(known)
        )
        context = {
            "asked": asked,
            "report": report,
            "spans": SPANS,
            "options": options(report, asked, words),
            "charts": drawn(report, words),
            "measures": MEASURES,
            "months": months,
            "licence_line": LICENCE_LINE,
            "name_of": lambda group: group_name(group, words),
            "month": lambda day: format_date(day, "LLLL y", locale=words.locale),
        }
        return shell.page(request, "analytics.html", context)

    @router.get("/analytics.csv")
    async def file(
        _: Annotated[SignedIn, needs("viewer")],
        asked: Annotated[Asked, Depends(_asked)],
    ) -> Response:
        report = await reported(asked)
        name = f"outrider-{report.choice.first}-{report.choice.last}.csv"
        headers = {
            "content-disposition": f'attachment; filename="{name}"',
            "cache-control": "no-store",
        }
        return Response(spreadsheet(report), media_type="text/csv", headers=headers)

    return router
