"""`python -m tests.walks telegram [--write]`: play a walk, and write its transcript into docs/."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from tests.benchmarks.program import scratch
from tests.walks import telegram

ROOT = Path(__file__).resolve().parents[2]
HEAD = """# A walk through Outrider in Telegram

Played on the whole program and the fake Bot API server by `python -m tests.walks telegram --write`;
the answers are the demo model's own, which is small and knows little. `[…]` are buttons.

"""


async def main(write: bool) -> None:
    with scratch() as folder:
        async with telegram.stage(folder) as played:
            try:
                await telegram.play(played)
            except BaseException:
                print("\n".join(played.lines[-40:]))
                raise
    text = HEAD + "\n".join(played.lines).rstrip() + "\n"
    if write:
        (ROOT / "docs" / "telegram-walk.md").write_text(text)
    print(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("walk", choices=["telegram"])
    parser.add_argument("--write", action="store_true")
    asyncio.run(main(parser.parse_args().write))
