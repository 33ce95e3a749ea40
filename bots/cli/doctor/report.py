"""All checks at once, and the table of what they found."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bots.cli.doctor import machine, network, platforms, storage
from bots.cli.doctor.experts import experts
from bots.cli.doctor.finding import Check, Finding, Verdict
from bots.cli.doctor.memory import memory
from bots.cli.doctor.model import model
from bots.settings import Settings

CHECKS = (
    Check("Python", machine.python),
    Check("Packages", machine.packages),
    Check("Hardware", machine.hardware),
    Check("Model", model),
    Check("Memory", memory),
    Check("Experts", experts),
    Check("Data directory", machine.disk),
    Check("Database", storage.database),
    Check("Redis", storage.redis),
    Check("Telegram", platforms.telegram),
    Check("Slack", platforms.slack),
    Check("Port", network.port),
    Check("Password", network.door),
)
MARKS: dict[Verdict, tuple[str, str]] = {
    "fine": ("✓", "green"),
    "note": ("!", "yellow"),
    "off": ("–", "dim"),
    "fails": ("✗", "bold red"),
}
PIPED_COLUMNS = 400  # a line each, where no terminal sets a width


async def examine(settings: Settings) -> bool:
    """Print what each check found; whether none failed."""
    findings = await asyncio.gather(*(check.find(settings) for check in CHECKS))
    console = Console(width=None if sys.stdout.isatty() else PIPED_COLUMNS)
    console.print(table(findings))
    failed = sum(finding.verdict == "fails" for finding in findings)
    if failed:
        console.print(f"{failed} of {len(findings)} need something done.")
    return failed == 0


def table(findings: Sequence[Finding]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    for check, finding in zip(CHECKS, findings, strict=True):
        mark, style = MARKS[finding.verdict]
        # As Text: what a platform or a path says is no markup.
        grid.add_row(Text(mark, style), Text(check.name), Text(finding.said))
    return grid
