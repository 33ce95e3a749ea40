"""The least severe line that is written changes while the process runs."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from assistant.settings import AssistantSettings
from bots.logging import set_up_logging
from bots.settings import LogSettings


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]


def say_all(name: str) -> None:
    log = structlog.get_logger()
    for method in ("debug", "info", "warning", "error"):
        getattr(log, method)(f"{name} {method}")
    logging.getLogger("some.library").warning("%s library", name)


def test_the_level_that_an_admin_sets_holds_at_once_and_until_it_is_taken_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    live = AssistantSettings()
    level = set_up_logging(LogSettings(level="info", format="json"), live)
    say_all("as started")
    live.log_level = "debug"
    say_all("debug")
    live.log_level = "error"
    say_all("error")
    assert level.name == "error"
    live.log_level = None
    say_all("taken back")
    assert lines(capsys) == [
        *("as started info", "as started warning", "as started error", "as started library"),
        *("debug debug", "debug info", "debug warning", "debug error", "debug library"),
        "error error",
        *("taken back info", "taken back warning", "taken back error", "taken back library"),
    ]


def test_without_live_settings_the_level_is_that_of_the_start(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logging(LogSettings(level="warning", format="json"))
    say_all("quiet")
    assert lines(capsys) == ["quiet warning", "quiet error", "quiet library"]


def test_a_library_that_tells_too_much_stays_quiet_also_at_debug(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logging(LogSettings(format="json"), AssistantSettings(log_level="debug"))
    logging.getLogger("httpx").info("POST https://example.org/bot-token/send")
    assert lines(capsys) == []
