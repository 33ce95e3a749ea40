"""`python -m tests.fakes.telegram --port 8081`: a Telegram to chat through by hand.

Point Outrider at it with OUTRIDER_TELEGRAM__BASE_URL and OUTRIDER_TELEGRAM__TOKEN, and open the
address in a browser. Other programs can write and read through the same small JSON calls.
"""

from __future__ import annotations

import argparse
import asyncio

from tests.fakes.telegram.flood import Limits
from tests.fakes.telegram.page import TelegramWithPage
from tests.fakes.telegram.server import TOKEN


async def main() -> None:
    parser = argparse.ArgumentParser(description="A Bot API server to try Outrider with.")
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument("--no-limits", action="store_true", help="without flood control")
    given = parser.parse_args()
    limits = Limits.none() if given.no_limits else Limits()
    async with TelegramWithPage(token=given.token, limits=limits, port=given.port) as telegram:
        print(f"OUTRIDER_TELEGRAM__BASE_URL={telegram.url}")
        print(f"OUTRIDER_TELEGRAM__TOKEN={telegram.token}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
