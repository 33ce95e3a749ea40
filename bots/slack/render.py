"""The model's Markdown as the body of a Slack message.

Slack renders standard Markdown itself in a `markdown` block; `text` is what notifications and
screen readers get. Nothing that the model writes may call people: broadcasts and mentions are
broken up with an invisible character, in both.
"""

from __future__ import annotations

import re
from typing import Any

from bots.graphemes import last_boundary
from bots.slack.parse import STOP_ACTION
from bots.slack.split import closed

PLACEHOLDER = "…"
# chat.update takes less text than chat.postMessage; this is only the fallback of the block
FALLBACK_CHARACTERS = 3_000

_WORD_JOINER = "\u2060"
_OPENING = r"(?:<|&lt;?|&#0*60;?|&#x0*3c;?|&LT;?)"
_CALL = re.compile(
    rf"(?P<token>{_OPENING}\\?)(?=(?:!|&excl;|&#0*33;|&#x0*21;)(?:channel|here|everyone|group|subteam)"
    r"|(?:@|&commat;|&#0*64;|&#x0*40;)[A-Z0-9])"
    r"|(?P<at>(?<![\w.])@)(?=channel|here|everyone|group)",
    re.IGNORECASE,
)


def message(text: str, turn_id: int, *, final: bool) -> dict[str, Any]:
    """`text` and `blocks` of one piece; an empty piece is the placeholder."""
    shown = text if text.strip() else PLACEHOLDER
    blocks: list[dict[str, Any]] = [{"type": "markdown", "text": closed(harmless(shown))}]
    if not final:
        blocks.append(_stop_button(turn_id))
    return {"text": plain(shown), "blocks": blocks}


def harmless(text: str) -> str:
    """The text with every `<!channel>`, `<@U…>` and `@here` broken up. Idempotent."""
    return _CALL.sub(lambda match: match[0] + _WORD_JOINER, text)


def plain(text: str) -> str:
    """A text in which Slack finds no markup at all, cut to the fallback's length."""
    end = len(text)
    if end > FALLBACK_CHARACTERS:
        end = last_boundary(text, 0, FALLBACK_CHARACTERS)
    escaped = harmless(text[:end]).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped + ("…" if end < len(text) else "")


def _stop_button(turn_id: int) -> dict[str, Any]:
    button = {
        "type": "button",
        "action_id": STOP_ACTION,
        "text": {"type": "plain_text", "text": "Stop"},
        "value": str(turn_id),
    }
    return {"type": "actions", "block_id": f"turn-{turn_id}", "elements": [button]}
