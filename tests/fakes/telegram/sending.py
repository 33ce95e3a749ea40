"""What people send beside text. Files have real bytes, or claim a size without having them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.fakes.telegram.chats import Fields, Message
from tests.fakes.telegram.people import People

# The smallest picture that a reader of images takes: one grey PNG pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c636800000082008177cd72b60000000049454e44ae4260"
    "82"
)


class Sending(People):
    """Each takes what `user_says` takes as well: sender_id, name, thread_id, reply_to, bot."""

    _albums = 0

    def user_sends_photo(
        self, chat_id: int, data: bytes = PNG, *, size: int | None = None, **how: Any
    ) -> Message:
        return self.sent(chat_id, photo=self._photo(data, size), **how)

    def user_sends_album(
        self, chat_id: int, photos: Sequence[bytes], *, caption: str = "", **how: Any
    ) -> list[Message]:
        """Several messages, each an update of its own; the caption is the first one's."""
        self._albums += 1
        group = {"media_group_id": str(13_000_000_000 + self._albums)}
        return [
            self.sent(
                chat_id,
                photo=self._photo(data, None),
                further=group,
                caption="" if number else caption,
                **how,
            )
            for number, data in enumerate(photos)
        ]

    def user_sends_document(
        self,
        chat_id: int,
        data: bytes,
        *,
        file_name: str = "notes.txt",
        mime_type: str = "text/plain",
        size: int | None = None,
        **how: Any,
    ) -> Message:
        file = self.new_file(data, size=size, name=file_name)
        document = file | {"file_name": file_name, "mime_type": mime_type}
        return self.sent(chat_id, document=document, **how)

    def user_sends_voice(
        self, chat_id: int, data: bytes = b"OggS", *, seconds: int = 3, **how: Any
    ) -> Message:
        voice = {"duration": seconds, "mime_type": "audio/ogg"}
        return self.sent(chat_id, voice=self.new_file(data, "voice") | voice, **how)

    def user_sends_audio(
        self, chat_id: int, data: bytes = b"ID3", *, title: str = "A song", **how: Any
    ) -> Message:
        audio = {"duration": 200, "title": title, "performer": "Somebody"}
        file = self.new_file(data, "music") | {"mime_type": "audio/mpeg"}
        return self.sent(chat_id, audio=file | audio, **how)

    def user_sends_video(self, chat_id: int, data: bytes = b"ftyp", **how: Any) -> Message:
        video = {"width": 640, "height": 360, "duration": 5, "mime_type": "video/mp4"}
        return self.sent(chat_id, video=self.new_file(data, "videos") | video, **how)

    def user_sends_sticker(self, chat_id: int, emoji: str = "👍", **how: Any) -> Message:
        sticker = {
            "type": "regular",
            "width": 512,
            "height": 512,
            "is_animated": False,
            "is_video": False,
            "emoji": emoji,
            "set_name": "Outriders",
        }
        return self.sent(chat_id, sticker=self.new_file(b"RIFF", "stickers") | sticker, **how)

    def user_sends_location(
        self, chat_id: int, latitude: float = 52.5163, longitude: float = 13.3777, **how: Any
    ) -> Message:
        return self.sent(chat_id, location={"latitude": latitude, "longitude": longitude}, **how)

    def user_sends_venue(self, chat_id: int, title: str = "Museum", **how: Any) -> Message:
        place = {"latitude": 52.5163, "longitude": 13.3777}
        venue = {"location": place, "title": title, "address": "Main Street 1"}
        return self.sent(chat_id, venue=venue, location=place, **how)

    def user_sends_contact(
        self, chat_id: int, first_name: str = "Grace", phone: str = "+15550100", **how: Any
    ) -> Message:
        contact = {"phone_number": phone, "first_name": first_name, "last_name": "Hopper"}
        return self.sent(chat_id, contact=contact, **how)

    def user_sends_poll(
        self, chat_id: int, question: str, options: Sequence[str], **how: Any
    ) -> Message:
        choices = [
            {"text": text, "voter_count": 0, "persistent_id": str(number)}
            for number, text in enumerate(options)
        ]
        poll = {
            "id": f"poll-{self.chat(chat_id).next_id}",
            "question": question,
            "options": choices,
            "total_voter_count": 0,
            "is_closed": False,
            "is_anonymous": True,
            "type": "regular",
            "allows_multiple_answers": False,
            "allows_revoting": False,
            "members_only": False,
        }
        return self.sent(chat_id, poll=poll, **how)

    def user_sends_dice(self, chat_id: int, value: int = 6, **how: Any) -> Message:
        return self.sent(chat_id, dice={"emoji": "🎲", "value": value}, **how)

    def _photo(self, data: bytes, size: int | None) -> list[Fields]:
        """Telegram makes several sizes of a photo, the largest last."""
        small = self.new_file(PNG, "photos") | {"width": 90, "height": 60}
        large = self.new_file(data, "photos", size=size) | {"width": 1280, "height": 853}
        return [small, large]
