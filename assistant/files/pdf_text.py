"""A PDF's text. `python -m assistant.files.pdf_text` is the process that reads it.

A PDF is a program that comes from anybody: it is read in a process of its own, which has no secret,
little memory and little time, and may die of it.
"""

from __future__ import annotations

import asyncio
import io
import logging
import os
import resource
import sys
from dataclasses import dataclass, field

PDF_TYPE = "application/pdf"
PDF_BYTES = 10_000_000
MOST_CHARACTERS = 250_000  # read no further; a message takes less
SECONDS = 8.0
MEMORY_BYTES = 1 << 30
AT_ONCE = 2


@dataclass(slots=True)
class PdfReader:
    seconds: float = SECONDS
    _slots: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(AT_ONCE), init=False
    )

    async def text(self, data: bytes) -> str:
        """Empty where there is none: a scan, a locked file, no PDF, or one that takes too long."""
        async with self._slots:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-I", "-m", "assistant.files.pdf_text"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={"PATH": os.defpath},
            )
            try:
                async with asyncio.timeout(self.seconds):
                    written, _ = await process.communicate(data)
            except TimeoutError:
                return ""
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode != 0:
            return ""
        # A font may not say which characters its shapes are.
        return written.decode("utf-8", "replace").replace("\x00", "").strip()


def read(data: bytes) -> str:
    """In the process of its own. Raises whatever pypdf makes of a broken file."""
    from pypdf import PdfReader as Pages

    pages: list[str] = []
    for page in Pages(io.BytesIO(data)).pages:
        pages.append(page.extract_text().strip())
        if sum(map(len, pages)) > MOST_CHARACTERS:
            break
    return "\n\n".join(filter(None, pages))


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (int(SECONDS), int(SECONDS)))
    logging.disable()  # pypdf remarks on every oddity
    text = read(sys.stdin.buffer.read(PDF_BYTES))[:MOST_CHARACTERS]
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))


if __name__ == "__main__":
    main()
