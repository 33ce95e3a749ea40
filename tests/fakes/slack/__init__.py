"""A Slack of our own for tests and for trying things by hand."""

from tests.fakes.slack.clock import HandClock
from tests.fakes.slack.delivery import Delivery, Schedule
from tests.fakes.slack.elsewhere import Elsewhere
from tests.fakes.slack.people import People
from tests.fakes.slack.rates import Rates
from tests.fakes.slack.server import FakeSlack, Trouble
from tests.fakes.slack.workspace import Message, Version

__all__ = [
    "Delivery",
    "Elsewhere",
    "FakeSlack",
    "HandClock",
    "Message",
    "People",
    "Rates",
    "Schedule",
    "Trouble",
    "Version",
]
