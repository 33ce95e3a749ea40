"""`python -m tests.walks telegram [--write]`: play a walk, and write its transcript into docs/."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from tests.benchmarks.program import scratch
from tests.walks import slack, telegram

ROOT = Path(__file__).resolve().parents[2]
# Given an empty folder, and the lines of the transcript, which grow.
Walk = Callable[[Path, list[str]], Awaitable[None]]
WALKS: Mapping[str, Walk] = {"telegram": telegram.walk, "slack": slack.walk}


async def main(name: str, write: bool) -> None:
    lines: list[str] = []
    with scratch() as folder:
        try:
            await WALKS[name](folder, lines)
        except BaseException:
            print("\n".join(lines[-40:]))
            raise
    text = "\n".join(lines).rstrip() + "\n"
    if write:
        (ROOT / "docs" / f"{name}-walk.md").write_text(text)
    print(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("walk", choices=list(WALKS))
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    asyncio.run(main(given.walk, given.write))
