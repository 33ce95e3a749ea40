"""PDFs are read in a process of their own, which may die of them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from assistant.errors import MessageRefused
from assistant.files.pdf_text import MOST_CHARACTERS, PDF_TYPE, PdfReader
from assistant.messages import Attachment
from tests.support.house import House, house, incoming
from tests.support.pdfs import pdf

SCAN = Attachment("text", "f", "report.pdf", PDF_TYPE, data=pdf(""))


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


async def test_the_text_of_all_pages_is_read() -> None:
    assert (
        await PdfReader().text(pdf("Apples are red.", "", "Pears.")) == "Apples are red.\n\nPears."
    )


async def test_a_page_that_unfolds_to_a_flood_is_cut() -> None:
    flood = await PdfReader().text(pdf("apples " * 200_000))
    assert flood.startswith("apples apples")
    assert len(flood) <= MOST_CHARACTERS


@pytest.mark.parametrize("data", [b"", b"no pdf", b"%PDF-1.7", pdf("cut off")[:150], pdf("")])
async def test_where_there_is_no_text_it_is_empty(data: bytes) -> None:
    assert await PdfReader().text(data) == ""


async def test_what_takes_too_long_is_ended() -> None:
    before = _children()
    assert await PdfReader(seconds=0.01).text(pdf("Apples.")) == ""
    assert _children() == before


def _children() -> set[str]:
    """The processes that we began and that live."""
    return set(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split())


async def test_a_pdf_is_stored_as_its_text(home: House) -> None:
    report = replace(SCAN, data=pdf("Apples are red."))
    await home.service.accept(replace(incoming("What colour?"), attachments=(report,)))
    rows = await home.rows("SELECT name, media_type, text, bytes FROM attachments")
    assert rows == [("report.pdf", PDF_TYPE, "Apples are red.", None)]


async def test_a_pdf_without_text_is_refused_alone_and_named_beside_a_question(
    home: House,
) -> None:
    with pytest.raises(MessageRefused) as refused:
        await home.service.accept(replace(incoming(""), attachments=(SCAN,)))
    assert refused.value.phrase.key == "content.pdf"
    await home.service.accept(replace(incoming("What colour?"), attachments=(SCAN,)))
    assert await home.rows("SELECT text FROM attachments") == [(None,)]
