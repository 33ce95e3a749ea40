"""The model's Markdown as the body of a Slack message.

Slack renders standard Markdown itself in a `markdown` block; `text` is what notifications and
screen readers get. Nothing that the model writes may call people: broadcasts and mentions are
broken up with an invisible character, in both.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from assistant.channel import FAILED, Look
from bots.graphemes import last_boundary
from bots.slack.buttons import Block, ended_blocks, stop_block
from bots.slack.orders import as_typed
from bots.slack.split import closed, utf16_units

PLACEHOLDER = "…"
# Of UTF-8, escaped. chat.update refuses a text of over 4,000 characters, and bytes are the safe way
# to count them (chat.postMessage cuts at 40,000); this is only the fallback of the block
FALLBACK_BYTES = 3_900
NOTICE_CHARACTERS = 3_000

_MOST_GROWTH = 500  # UTF-16 units: what a piece leaves of Slack's limit is for more than this
_CODE = re.compile(r"(```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]+`)", re.DOTALL)
_LINK = re.compile(r"<(https?://[^\s<>|()]+)\|([^<>|\[\]\n]+)>")
_CHANNEL = re.compile(r"<#[A-Z0-9]+\|([^<>|\s]+)>")
_PERSON = re.compile(r"<@([A-Z0-9]+)(?:\|([^<>|\n]*))?>")

_WORD_JOINER = "\u2060"
_OPENING = r"(?:<|&lt;?|&#0*60;?|&#x0*3c;?|&LT;?)"
_CALL = re.compile(
    rf"(?P<token>{_OPENING}\\?)(?=(?:!|&excl;|&#0*33;|&#x0*21;)(?:channel|here|everyone|group|subteam)"
    r"|(?:@|&commat;|&#0*64;|&#x0*40;)[A-Z0-9])"
    r"|(?P<at>(?<![\w.])@|&commat;|&#0*64;|&#x0*40;)(?=channel|here|everyone|group)",
    re.IGNORECASE,
)


def _nobody(_: str) -> str:
    return ""


def message(
    look: Look, *, plain_buttons: bool = False, name_of: Callable[[str], str] = _nobody
) -> dict[str, Any]:
    """`text` and `blocks` of one piece; an empty piece is the placeholder.

    `name_of`: how the person with an id is called; empty for who isn't known.
    """
    shown = _shown(look, name_of) or PLACEHOLDER
    blocks: list[Block] = [{"type": "markdown", "text": closed(harmless(shown))}]
    if not look.final:
        blocks.append(stop_block(look.turn_id, look.language))
    return {"text": fallback(shown), "blocks": blocks + _under(look, plain_buttons)}


def streamed(
    look: Look, *, plain_buttons: bool, name_of: Callable[[str], str]
) -> tuple[str, list[Block]]:
    """A stream's whole text at this look, and the blocks of its end."""
    text = harmless(_shown(look, name_of))
    return (closed(text) if look.final else text), _under(look, plain_buttons)


def _shown(look: Look, name_of: Callable[[str], str]) -> str:
    if not look.text.strip():
        return ""
    return spelled(_with_typed_orders(look), name_of)


def _under(look: Look, plain_buttons: bool) -> list[Block]:
    if not look.last:
        return []
    return ended_blocks(look.turn_id, look.language, plain=plain_buttons)


def spelled(text: str, name_of: Callable[[str], str] = _nobody) -> str:
    """What a model writes in Slack's own marks, as Markdown: `<https://…|label>` as a link, people
    and channels by their names. Code stays as it is."""
    parts = _CODE.split(text)
    parts[::2] = [_spelled(part, name_of) for part in parts[::2]]
    told = "".join(parts)
    return told if utf16_units(told) <= utf16_units(text) + _MOST_GROWTH else text


def harmless(text: str) -> str:
    """The text with every `<!channel>`, `<@U…>` and `@here` broken up. Idempotent."""
    return _CALL.sub(lambda match: match[0] + _WORD_JOINER, text)


def plain(text: str) -> str:
    """A text in which Slack finds no markup at all, cut to a notice's length."""
    end = len(text)
    if end > NOTICE_CHARACTERS:
        end = last_boundary(text, 0, NOTICE_CHARACTERS)
    return _escaped(harmless(text[:end])) + ("…" if end < len(text) else "")


def fallback(text: str) -> str:
    """The same, cut where what is sent, with its entities, reaches FALLBACK_BYTES."""
    shown = harmless(text[: FALLBACK_BYTES + 1])
    ends = list(accumulate(_bytes(_escaped(char)) for char in shown))
    if not ends or ends[-1] <= FALLBACK_BYTES:
        return _escaped(shown)
    end = last_boundary(shown, 0, bisect_right(ends, FALLBACK_BYTES - _bytes("…")))
    return _escaped(shown[:end]) + "…"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _spelled(text: str, name_of: Callable[[str], str]) -> str:
    def person(match: re.Match[str]) -> str:
        name = name_of(match[1]) or match[2]
        return f"@{name}" if name else match[0]

    text = _LINK.sub(lambda match: f"[{match[2]}]({match[1]})", text)
    text = _CHANNEL.sub(lambda match: f"#{match[1]}", text)
    return _PERSON.sub(person, text)


def _with_typed_orders(look: Look) -> str:
    """The sentence that ends a reply which failed names orders; here they begin with `!`. An
    answer's own words stay as they are, also where they warn."""
    if not look.failed:
        return look.text
    answer, mark, sentence = look.text.rpartition(FAILED)
    return answer + mark + as_typed(sentence)
