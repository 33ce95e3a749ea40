"""All pages of operations together."""

from __future__ import annotations

from fastapi import APIRouter

from assistant.storage.admins import Admins
from bots.admin.operations.broadcasts import broadcast_pages
from bots.admin.operations.deliveries import delivery_pages
from bots.admin.operations.failed import failed_pages
from bots.admin.operations.maintenance import maintenance_pages
from bots.admin.operations.parts import OperationsParts
from bots.admin.operations.processes import process_pages
from bots.admin.operations.queue import queue_pages
from bots.admin.shell import Shell


def operations_pages(shell: Shell, parts: OperationsParts, admins: Admins) -> list[APIRouter]:
    return [
        failed_pages(shell, parts),
        queue_pages(shell, parts, admins),
        delivery_pages(shell, parts),
        process_pages(shell, parts, admins),
        maintenance_pages(shell, parts),
        broadcast_pages(shell, parts, admins),
    ]
