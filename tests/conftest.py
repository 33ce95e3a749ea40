"""Fixtures that several kinds of tests share: real servers, once per run."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

from tests.support.demo import demo_data_dir, dense_original
from tests.support.endpoint import endpoint
from tests.support.servers import database_url, other_database_url, redis_url, servers

__all__ = [
    "database_url",
    "demo_data_dir",
    "dense_original",
    "endpoint",
    "other_database_url",
    "redis_url",
    "servers",
]


@pytest.fixture(autouse=True)
def logs_of_its_own() -> Iterator[None]:
    """A command that a test runs here sets logging up, on streams that end with the test."""
    yield
    structlog.reset_defaults()


class FailuresAtOnce:
    """A line for each failure when it happens: a run that is cut off prints no summary."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            why = str(crash.message if crash else report.longrepr).partition("\n")[0]
            self._terminal.write_line(f"\n{report.nodeid} ({report.when}): {why}")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Who starts the tests in the background has them ignore Ctrl-C, and all that they start."""
    terminal = config.pluginmanager.getplugin("terminalreporter")
    if terminal is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(FailuresAtOnce(terminal))
    for number in (signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            default = signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL
            signal.signal(number, default)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The processes share the tests, a file at a time. Those with the model go first, in two parts:
    more engines at once would take the machine's memory and each other's time."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=lambda item: item.get_closest_marker("model") is None)


def _group(item: pytest.Item) -> str:
    if item.get_closest_marker("model") is None:
        return str(item.path)
    return "model" if "model" in item.path.parts else "whole"


# A property that takes long on a busy machine holds all the same.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
