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


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A Bot API server to try Outrider with.")
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument("--no-limits", action="store_true", help="without flood control")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds added to each call")
    parser.add_argument(
        "--no-privacy", action="store_true", help="let the bot hear everything in groups"
    )
    return parser.parse_args()


async def main() -> None:
    given = arguments()
    telegram = TelegramWithPage(
        token=given.token,
        limits=Limits.none() if given.no_limits else Limits(),
        port=given.port,
        latency_seconds=given.latency,
        can_read_all_group_messages=given.no_privacy,
    )
    telegram.person(7, "Ada", language_code="en")
    telegram.person(8, "Bruno", language_code="de")
    telegram.chat(7)
    telegram.make_group(-100, "Team", kind="supergroup")
    async with telegram:
        print(f"Open {telegram.url} in a browser, and start Outrider with")
        print(f"OUTRIDER_TELEGRAM__BASE_URL={telegram.url}")
        print(f"OUTRIDER_TELEGRAM__TOKEN={telegram.token}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
