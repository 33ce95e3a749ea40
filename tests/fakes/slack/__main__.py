"""`python -m tests.fakes.slack --port 9001`: a Slack to talk through by hand."""

from __future__ import annotations

import argparse
import asyncio

from tests.fakes.slack.page import CHATS, add_page
from tests.fakes.slack.server import FakeSlack


async def serve(port: int, events_url: str) -> None:
    slack = FakeSlack(port=port)
    add_page(slack)
    for chat in CHATS.values():
        slack.workspace.channel(chat)
    async with slack:
        print(f"Talk here:  {slack.url}/\n\nand start Outrider with")
        print(f"OUTRIDER_SLACK__BASE_URL={slack.url}")
        print(f"OUTRIDER_SLACK__BOT_TOKEN={slack.bot_token}")
        if events_url:
            print(f"OUTRIDER_SLACK__SIGNING_SECRET={slack.signing_secret}")
            slack.courier.request_url = events_url
        else:
            print(f"OUTRIDER_SLACK__APP_TOKEN={slack.app_token}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.slack", description=__doc__)
    parser.add_argument("--port", type=int, default=9001)
    parser.add_argument(
        "--events-url", default="", help="send signed events there instead of by Socket Mode"
    )
    given = parser.parse_args()
    try:
        asyncio.run(serve(given.port, given.events_url))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
