"""What a message of Slack's says, wherever in it that stands. Pure; any JSON gives a text.

A person's words are the message's `text`; what an app posts may stand in blocks or attachments
alone. Source: docs.slack.dev, "Blocks" and "Legacy secondary message attachments".
"""

from __future__ import annotations

from collections.abc import Mapping

from bots.slack.reading.payload import Object, items, mapping, text
from bots.slack.reading.text import readable, storable

_DEPTH = 6  # of blocks in blocks; Slack's own go to four
_RUNNING = frozenset({"rich_text_section", "rich_text_quote", "rich_text_preformatted"})

_Names = Mapping[str, str]


def words_of(message: Object, names: _Names) -> str:
    """Its text; where it has none, that of its blocks, or of what an app attached to it."""
    said = readable(text(message, "text"), names).strip()
    if said:
        return said
    parts = [_of_blocks(message, names)]
    parts += [_attached(one, names) for one in items(message.get("attachments"))]
    return "\n".join(filter(None, parts))


def is_shared(attachment: Object) -> bool:
    """Whether an attachment is another message, passed on; a web page's preview is none."""
    return attachment.get("is_share") is True or attachment.get("is_msg_unfurl") is True


def shared_words(attachment: Object, names: _Names) -> str:
    """Of a message that was passed on."""
    said = readable(text(attachment, "text"), names).strip()
    shown = [mapping(one.get("message")) for one in items(attachment.get("message_blocks"))]
    return said or "\n".join(filter(None, (_of_blocks(one, names) for one in shown)))


def _attached(attachment: Object, names: _Names) -> str:
    if is_shared(attachment):
        return ""
    parts = [readable(text(attachment, key), names) for key in ("pretext", "title", "text")]
    parts.append(_of_blocks(attachment, names))
    for field in items(attachment.get("fields")):
        pair = (readable(text(field, key), names) for key in ("title", "value"))
        parts.append(": ".join(filter(None, pair)))
    said = "\n".join(filter(None, (one.strip() for one in parts)))
    return said or readable(text(attachment, "fallback"), names).strip()


def _of_blocks(holder: Object, names: _Names) -> str:
    blocks = (_words(one, names, _DEPTH) for one in items(holder.get("blocks")))
    return "\n".join(filter(None, (one.strip() for one in blocks)))


def _words(node: Object, names: _Names, depth: int) -> str:
    match text(node, "type"):
        case "text":
            return storable(text(node, "text"))
        case "mrkdwn" | "plain_text" | "markdown":
            return readable(text(node, "text"), names)
        case "user":
            user_id = storable(text(node, "user_id"))
            return f"@{names.get(user_id) or user_id}"
        case "link":
            return storable(text(node, "text") or text(node, "url"))
        case "emoji":
            return f":{storable(text(node, 'name'))}:"
        case kind if depth > 0:
            inside = [mapping(node.get("text")), *items(node.get("fields"))]
            inside += items(node.get("elements"))
            words = [_words(one, names, depth - 1) for one in inside]
            return ("" if kind in _RUNNING else "\n").join(filter(None, words))
    return ""
