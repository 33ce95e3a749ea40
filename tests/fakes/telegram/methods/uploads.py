"""A file that came with a call, as multipart/form-data."""

from __future__ import annotations

from dataclasses import dataclass

UPLOAD_BYTES = 50 * 2**20


@dataclass(frozen=True)
class Upload:
    part: str  # the name of its part of the form
    file_name: str
    data: bytes
    mime_type: str = "application/octet-stream"
