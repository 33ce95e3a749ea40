"""`outrider turns`: what failed, and once more."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assistant.answering.revisions import Revisions
from assistant.answering.turn_list import Listed, ListedTurn, TurnList
from assistant.errors import TurnNotFound
from assistant.signals import Signals
from bots.cli.beside import open_beside
from bots.settings import Settings

PIPED_COLUMNS = 400  # a line each, where no terminal sets a width
CHAT_COLUMNS = 16  # a web chat's id is long, and says nothing; --json has it whole
NONE: dict[Listed, str] = {
    "failed": "No turn has failed.",
    "running": "No turn is running.",
    "queued": "No turn is waiting.",
    "all": "There is no turn yet.",
}


async def show(settings: Settings, state: Listed, limit: int, *, as_json: bool) -> None:
    async with open_beside(settings) as beside:
        turns = await TurnList(beside.database).newest(state, limit)
    if as_json:
        for turn in turns:
            typer.echo(json.dumps(asdict(turn) | {"moment": turn.moment.isoformat()}))
    elif turns:
        terminal = sys.stdout.isatty()
        Console(width=None if terminal else PIPED_COLUMNS).print(_table(turns))
    else:
        typer.echo(NONE[state])


async def retry(settings: Settings, turn_id: int) -> None:
    """Raises TurnNotFound, in words, for a turn that can't be answered again."""
    async with open_beside(settings) as beside:
        again = (await Revisions(beside.database).retry(turn_id)).turn_id
        if again is None:
            found = await TurnList(beside.database).find(turn_id)
            raise TurnNotFound(_refusal(turn_id, found))
        if beside.redis is not None:  # else a worker looks within a second
            await Signals(beside.redis).wake_worker(again)
    typer.echo(f"Turn {turn_id} is answered again, in the same place: it is turn {again} now.")


def _refusal(turn_id: int, found: ListedTurn | None) -> str:
    if found is None:
        return f"There is no turn {turn_id}: 'outrider turns' lists those that failed."
    if found.superseded_by is not None:
        return f"Turn {turn_id} was answered again already: it is turn {found.superseded_by} now."
    doing = "running" if found.state == "running" else "waiting"
    return f"Turn {turn_id} is not over: it is {doing}, and gets its answer without a retry."


def _table(turns: Sequence[ListedTurn]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("turn", "when", "state", "channel"):
        table.add_column(title, no_wrap=True)
    table.add_column("chat", max_width=CHAT_COLUMNS, no_wrap=True)
    for title in ("conversation", "person", "attempts", "error"):
        table.add_column(title)
    for turn in turns:
        table.add_row(*(Text(cell) for cell in _cells(turn)))
    return table


def _cells(turn: ListedTurn) -> tuple[str, ...]:
    return (
        str(turn.id),
        f"{turn.moment.astimezone():%m-%d %H:%M:%S}",
        turn.state,
        turn.channel if turn.account == "default" else f"{turn.channel} ({turn.account})",
        turn.chat_id,
        str(turn.conversation_id),
        "–" if turn.person_id is None else f"{turn.person_id} {turn.person}".rstrip(),
        str(turn.attempts),
        f"{turn.error_code}: {turn.error}" if turn.error_code else "",
    )
