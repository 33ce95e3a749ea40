"""What an admin wanted to change and can't be, in the words of the dashboard."""

from __future__ import annotations

from assistant.errors import ChangeRefused
from bots.admin.faults import Fault

_GONE = frozenset({"no_person", "no_identity", "no_account", "quota_nobody"})


def fault_of_change(refused: ChangeRefused) -> Fault:
    status = 404 if refused.code in _GONE else 409
    return Fault(status, f"people.refused.{refused.code}", **refused.values)
