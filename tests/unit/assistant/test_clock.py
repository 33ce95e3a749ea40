"""The clock that goes on while the machine sleeps, and who goes by it."""

from __future__ import annotations

import time
from dataclasses import fields
from typing import Any

import pytest

from assistant.clock import boot_seconds
from assistant.outgoing.governor import Governor
from assistant.outgoing.outbox import Outbox


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this system has no such clock")
def test_it_is_the_machines_and_counts_its_sleep() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    now = boot_seconds()
    assert before <= now <= time.clock_gettime(time.CLOCK_BOOTTIME)


@pytest.mark.parametrize("kept_by", [Governor, Outbox])
def test_penalties_and_stalls_go_by_it(kept_by: Any) -> None:
    (clock,) = [one.default for one in fields(kept_by) if one.name == "clock"]
    assert clock is boot_seconds
