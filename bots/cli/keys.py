"""`outrider keys`: keys of the API for programs, each with its scopes and quotas."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assistant.errors import KeyRefused
from assistant.storage.api_keys import (
    DEFAULT_NAME,
    LARGEST_REQUESTS,
    LARGEST_TOKENS,
    NAME,
    SCOPES,
    ApiKey,
    ApiKeys,
    Scope,
)
from bots.cli.beside import open_beside
from bots.settings import Settings

PIPED_COLUMNS = 400  # a line each, where no terminal sets a width


async def create(
    settings: Settings,
    name: str,
    *,
    scopes: Sequence[Scope],
    requests_per_minute: int | None,
    tokens_per_day: int | None,
    background: bool,
    expires: str | None,
) -> None:
    """Show the key, this once. Raises KeyRefused, in words."""
    if not NAME.fullmatch(name) or name == DEFAULT_NAME:
        raise KeyRefused(
            f"{name!r} can't be a key's name: take letters, digits, dots, dashes and underscores, "
            f"64 at most, and not {DEFAULT_NAME!r}, which is the key of the settings."
        )
    _check_limit("--requests-per-minute", requests_per_minute, LARGEST_REQUESTS)
    _check_limit("--tokens-per-day", tokens_per_day, LARGEST_TOKENS)
    expires_at = None if expires is None else expiry(expires, datetime.now(UTC))
    async with open_beside(settings) as beside:
        key, secret = await ApiKeys(beside.database).create(
            name,
            scopes=tuple(dict.fromkeys(scopes)) or SCOPES,
            requests_per_minute=requests_per_minute,
            tokens_per_day=tokens_per_day,
            background=background,
            expires_at=expires_at,
        )
    typer.echo(secret)
    typer.echo(
        f"This is the key {key.name}. It is shown this once and kept nowhere: put it where the "
        "program finds it.",
        err=True,
    )


async def show(settings: Settings, *, as_json: bool) -> None:
    async with open_beside(settings) as beside:
        keys = await ApiKeys(beside.database).listed()
    if as_json:
        for key in keys:
            typer.echo(json.dumps(asdict(key), default=datetime.isoformat))
    elif keys:
        terminal = sys.stdout.isatty()
        Console(width=None if terminal else PIPED_COLUMNS).print(_table(keys))
    else:
        typer.echo("There is no key beside the one of the settings: 'outrider keys create NAME'.")


async def revoke(settings: Settings, which: str) -> None:
    """By its name, or by its prefix as `outrider keys list` shows it. Raises KeyRefused."""
    if which == DEFAULT_NAME:
        raise KeyRefused(
            "The key 'default' is no row that could be revoked: change OUTRIDER_API__KEY, or "
            "delete the file api-key in the data directory, and start again."
        )
    async with open_beside(settings) as beside:
        key = await ApiKeys(beside.database).revoke(which.removesuffix("…"))
    typer.echo(f"The key {key.name} ({key.prefix}…) opens nothing any more, within a second.")


def expiry(given: str, now: datetime) -> datetime:
    """`90d` from now, or a day of UTC (`2030-01-31`), at whose end it is over."""
    if days := re.fullmatch(r"([1-9][0-9]{0,4})d", given):
        return now + timedelta(days=int(days[1]))
    try:
        end = datetime.strptime(given, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):  # also the last day that there is
        raise KeyRefused(
            f"{given!r} is no end: write a number of days (90d) or a day (2030-01-31)."
        ) from None
    if end <= now:
        raise KeyRefused(f"{given} is over already: such a key would never open anything.")
    return end


def _check_limit(option: str, value: int | None, largest: int) -> None:
    if value is not None and not 1 <= value <= largest:
        raise KeyRefused(f"{option} must be between 1 and {largest:,}; leave it out for no limit.")


def _table(keys: Sequence[ApiKey]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("name", "key", "state", "scopes", "requests/min", "tokens/day", "last used"):
        table.add_column(title, no_wrap=title != "scopes")
    for key in keys:
        table.add_row(*(Text(cell) for cell in _cells(key, datetime.now(UTC))))
    return table


def _cells(key: ApiKey, now: datetime) -> tuple[str, ...]:
    return (
        key.name,
        f"{key.prefix}…",
        _state(key, now),
        "all" if key.scopes == SCOPES else ", ".join(key.scopes),
        _number(key.requests_per_minute),
        _number(key.tokens_per_day),
        "never" if key.last_used_at is None else _day(key.last_used_at),
    )


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {_day(key.revoked_at)}"
    kind = "background" if key.background else "open"
    if key.expires_at is None:
        return kind
    if key.expires_at <= now:
        return f"expired {_day(key.expires_at)}"
    return f"{kind} until {_day(key.expires_at)}"


def _number(limit: int | None) -> str:
    return "–" if limit is None else f"{limit:,}"


def _day(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
