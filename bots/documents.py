"""What a file is, by what its platform says of it: an image, a text, or neither. Pure."""

from __future__ import annotations

from pathlib import PurePosixPath

from assistant.files.attachments import IMAGE_TYPES, most_bytes
from assistant.files.pdf_text import PDF_TYPE
from assistant.messages import Attachment, clean
from assistant.phrases import Phrase

MEGABYTE = 1_000_000
_NAME_CHARACTERS = 120

_TEXT_TYPES = frozenset(
    {"application/json", "application/ld+json", "application/xml", "application/yaml"}
    | {"application/x-yaml", "application/toml", "application/javascript", "application/sql"}
    | {"application/x-sh", "application/x-python", "application/x-httpd-php", "application/csv"}
    | {"application/x-ndjson", "application/x-tex", "application/x-subrip", "application/x-ruby"}
)
_TEXT_ENDINGS = """
    .txt .md .markdown .rst .adoc .org .tex .log .csv .tsv .json .jsonl .ndjson .yaml .yml .toml
    .ini .cfg .conf .env .properties .xml .html .htm .css .scss .svg .srt .vtt .diff .patch .py
    .pyi .ipynb .js .mjs .ts .tsx .jsx .java .kt .kts .scala .groovy .c .h .cc .cpp .hpp .cs .go
    .rs .rb .php .pl .pm .lua .r .jl .swift .m .mm .sh .bash .zsh .fish .ps1 .bat .sql .hs .ml
    .mli .ex .exs .erl .clj .lisp .el .vim .dart .zig .nim .v .sv .vhd .asm .s .proto .graphql
    .tf .nix .cmake .gradle .mk .dockerfile .gitignore .vue .svelte .tcl .f90 .pas .sol
"""
_ENDINGS = frozenset(_TEXT_ENDINGS.split())
# These say nothing: the name, or the bytes, must.
_UNTOLD = ("", "application/octet-stream", "binary/octet-stream")


def attached(
    file_id: str, name: str, media_type: str, size_bytes: int
) -> tuple[str, Attachment | None, Phrase | None]:
    """How to call it, and the attachment, or the phrase that says why it can't be taken.

    `media_type` is empty where the platform names none; `size_bytes` is 0 where it is unknown.
    """
    name = " ".join(clean(name).split())[-_NAME_CHARACTERS:]
    called = f"A file named {name}" if name else "A file"
    given_type = media_type.lower().partition(";")[0].strip()
    ending = PurePosixPath(name.lower()).suffix
    if given_type in IMAGE_TYPES:
        attachment = Attachment("image", file_id, name, given_type, size_bytes)
        refused = "content.image_too_big"
    elif given_type == PDF_TYPE or ending == ".pdf":
        attachment = Attachment("text", file_id, name, PDF_TYPE, size_bytes)
        refused = "content.text_too_big"
    elif _may_be_text(given_type, ending, name):
        attachment = Attachment("text", file_id, name, "text/plain", size_bytes)
        refused = "content.text_too_big"
    else:
        return called, None, Phrase(_reason(given_type))
    most = most_bytes(attachment)
    if size_bytes > most:
        return called, None, Phrase(refused, {"most": f"{most // MEGABYTE} MB"})
    return called, attachment, None


def _may_be_text(given_type: str, ending: str, name: str) -> bool:
    """What has no known type and no known ending is looked into: a Makefile, a README."""
    if given_type.startswith("text/") or given_type in _TEXT_TYPES or ending in _ENDINGS:
        return True
    return given_type in _UNTOLD and not ending and bool(name)


def _reason(given_type: str) -> str:
    """The key of the phrase that says why a document of this kind can't be taken."""
    family = given_type.partition("/")[0]
    return _REASONS.get(family, "content.document")


_REASONS = {"image": "content.image_type", "audio": "content.voice", "video": "content.video"}
