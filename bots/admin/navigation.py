"""The pages, as the side of each lists them: by what an admin comes for."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.roles import Role


@dataclass(frozen=True, slots=True)
class Item:
    """`page` names its words: `<page>.title`."""

    page: str
    address: str
    role: Role


NAVIGATION: tuple[Item, ...] = (
    Item("overview", "/admin/overview", "viewer"),
    Item("conversations", "/admin/conversations", "operator"),
    Item("traces", "/admin/traces", "viewer"),
    Item("people", "/admin/people", "viewer"),
    Item("personas", "/admin/personas", "viewer"),
    Item("canned", "/admin/canned", "viewer"),
    Item("analytics", "/admin/analytics", "viewer"),
    Item("operations", "/admin/operations", "viewer"),
    Item("settings", "/admin/settings", "viewer"),
    Item("admins", "/admin/admins", "admin"),
    Item("keys", "/admin/keys", "admin"),
    Item("audit", "/admin/audit", "admin"),
)
