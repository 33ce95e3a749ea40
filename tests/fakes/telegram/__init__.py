"""A Bot API server for tests: real HTTP, with Telegram's limits, errors and redeliveries."""

from tests.fakes.telegram.bots import FakeBot
from tests.fakes.telegram.clock import HandClock
from tests.fakes.telegram.flood import Limits
from tests.fakes.telegram.server import Failure, FakeTelegram

__all__ = ["Failure", "FakeBot", "FakeTelegram", "HandClock", "Limits"]
