"""The addresses of the pages of conversations."""

from __future__ import annotations

from fastapi import APIRouter

from bots.admin.conversations.erasing import ErasingPages
from bots.admin.conversations.parts import ConversationParts
from bots.admin.conversations.reading import ReadingPages
from bots.admin.conversations.searching import SearchPage
from bots.admin.faults import page_router
from bots.admin.shell import Shell


def conversation_pages(shell: Shell, parts: ConversationParts) -> APIRouter:
    router = page_router()
    search, pages = SearchPage(shell, parts), ReadingPages(shell, parts)
    erasing = ErasingPages(shell, parts)
    router.add_api_route("/conversations", search.page, methods=["GET"])
    one = "/conversations/{conversation_id}"
    router.add_api_route(one, pages.page, methods=["GET"])
    router.add_api_route(f"{one}/export", pages.export, methods=["GET"])
    router.add_api_route(f"{one}/files/{{file_id}}", pages.file, methods=["GET"])
    router.add_api_route(f"{one}/erase", erasing.ask, methods=["GET"])
    router.add_api_route(f"{one}/erase", erasing.erase, methods=["POST"])
    person = "/people/{person_id}/erase"
    router.add_api_route(person, erasing.ask_person, methods=["GET"])
    router.add_api_route(person, erasing.erase_person, methods=["POST"])
    router.add_api_route("/erasures", erasing.listed, methods=["GET"])
    router.add_api_route("/erasures/{proof_id}", erasing.proof, methods=["GET"])
    router.add_api_route("/erasures/{proof_id}/file", erasing.file, methods=["GET"])
    return router
