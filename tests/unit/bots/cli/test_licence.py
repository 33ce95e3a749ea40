"""Who accepted a licence, by name or by number."""

from __future__ import annotations

import getpass
import os

import pytest

from bots.cli.licence import user

NOBODY = 4_242_424  # no user of this machine


def test_a_user_without_a_name_is_written_down_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    assert user() == getpass.getuser()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: NOBODY)
    assert user() == f"uid {NOBODY}"
