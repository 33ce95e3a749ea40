"""What a prompt shows of the files that came with messages: texts as text, images as images.

A model that sees nothing is told that an image came; of many, only the newest are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from assistant.files.attachments import newest
from assistant.markdown import fenced
from assistant.storage.database import Database
from inference.api import MOST_IMAGES, Image, Prompt

LOAD = "SELECT id, bytes FROM attachments WHERE id = ANY(%(ids)s) AND bytes IS NOT NULL"

_Files = Sequence[Mapping[str, Any]]  # of one message, as history.HISTORY gives them


@dataclass(frozen=True, slots=True)
class ShownFiles:
    database: Database

    async def images(self, messages: Sequence[_Files]) -> Mapping[int, Image]:
        """The newest images of the messages, by their ids; the newest message is the last."""
        listed = [file for files in messages for file in files if file["there"]]
        chosen = {file["id"]: file for file in listed[-MOST_IMAGES:]}
        loaded = await self._loaded(list(chosen)) if chosen else {}
        return {key: _image(chosen[key], data) for key, data in loaded.items()}

    async def restored(self, prompt: Prompt) -> Prompt:
        """A frozen prompt with the content of its images, which it names by their ids."""
        named = [one.key for message in prompt.messages for one in message.images if not one.data]
        if not named:
            return prompt
        loaded = await self._loaded(named)
        messages = tuple(
            replace(
                message,
                images=tuple(
                    replace(one, data=one.data or loaded[one.key])
                    for one in message.images
                    if one.data or one.key in loaded
                ),
            )
            for message in prompt.messages
        )
        # Ids that stand for an image which is gone mean nothing.
        return Prompt(messages, prompt.token_ids if set(named) <= loaded.keys() else None)

    async def _loaded(self, ids: Sequence[int]) -> Mapping[int, bytes]:
        rows = await self.database.rows(LOAD, {"ids": list(ids)})
        return {row.id: bytes(row.bytes) for row in rows}


def in_words(files: _Files, images: Mapping[int, Image]) -> list[str]:
    """What stands in the prompt for the files, beside the images themselves."""
    brought = [file for file in files if file["kind"] != "thread"]
    return [_in_words(file) for file in brought if file["id"] not in images]


def before(files: _Files, room: int) -> str:
    """What was said in the thread before the message, its newest lines, of so many characters."""
    threads = [newest(file["text"] or "", room) for file in files if file["kind"] == "thread"]
    return "\n\n".join(f"[Said in this thread before:]\n{one}" for one in threads if one)


def of_message(files: _Files, images: Mapping[int, Image]) -> tuple[Image, ...]:
    return tuple(images[file["id"]] for file in files if file["id"] in images)


def _in_words(file: Mapping[str, Any]) -> str:
    called = f"The file {file['name']}" if file["name"] else "A file"
    if file["text"] is None:
        what = "An image" if file["kind"] == "image" else called
        return f"[{what} came with this message: you can't see or open it.]"
    cut = file["characters"] - len(file["text"])
    whole = f"{cut:,} of its {file['characters']:,} characters are missing"
    return f"{called}:\n{fenced(file['text'])}" + (f"\n[Cut here: {whole}.]" if cut > 0 else "")


def _image(file: Mapping[str, Any], data: bytes) -> Image:
    return Image(file["media_type"], data, file["width"], file["height"], file["id"])
