"""`python -m tests.fakes.slack --port 9001`: a Slack to talk through by hand.

Point Outrider at it with the three lines that it prints, and open the address in a browser. Other
programs can write and read through the same small JSON calls (page.py).
"""

from __future__ import annotations

import argparse
import asyncio

from tests.fakes.slack.delivery import Schedule
from tests.fakes.slack.page import add_page
from tests.fakes.slack.rates import Rates
from tests.fakes.slack.server import FakeSlack


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.slack", description=__doc__)
    parser.add_argument("--port", type=int, default=9001)
    parser.add_argument("--no-limits", action="store_true", help="without rate limits")
    parser.add_argument("--stream-seconds", type=float, default=300.0, help="a stream's life")
    parser.add_argument(
        "--events-url", default="", help="send signed events there instead of by Socket Mode"
    )
    parser.add_argument(
        "--second-workspace", action="store_true", help="one more, to install the app in"
    )
    return parser.parse_args()


async def serve(given: argparse.Namespace) -> None:
    rates = Rates(enforced=not given.no_limits)
    slack = FakeSlack(port=given.port, rates=rates, schedule=Schedule(interactions_again=False))
    slack.state.stream_seconds = given.stream_seconds
    slack.courier.request_url = given.events_url
    add_page(slack)
    if given.second_workspace:
        slack.add_workspace("T0SECOND", "Second", installed=False)
    async with slack:
        print(f"Talk here:  {slack.url}/\n\nand start Outrider with")
        print(f"OUTRIDER_SLACK__BASE_URL={slack.url}")
        print(f"OUTRIDER_SLACK__BOT_TOKEN={slack.bot_token}")
        if given.second_workspace:
            print(f"OUTRIDER_SLACK__CLIENT_ID={slack.oauth.client_id}")
            print(f"OUTRIDER_SLACK__CLIENT_SECRET={slack.oauth.client_secret}")
            print("OUTRIDER_SLACK__WORKSPACES=T0SECOND  # and a redirect URL, and a key")
        if given.events_url:
            print(f"OUTRIDER_SLACK__SIGNING_SECRET={slack.signing_secret}", flush=True)
        else:
            print(f"OUTRIDER_SLACK__APP_TOKEN={slack.app_token}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    try:
        asyncio.run(serve(arguments()))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
