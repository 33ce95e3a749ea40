"""What comes over a Socket Mode connection. Pure; arbitrary text never raises."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Envelope:
    """`kind` is Slack's type: hello, disconnect, events_api, interactive, …

    `reason` is a disconnect's. `envelope_id` is empty on what needs no acknowledgement.
    """

    kind: str
    envelope_id: str
    reason: str
    payload: object

    @property
    def lane(self) -> str:
        """Envelopes of one chat share a lane, and keep their order in it. What is in no chat, a
        form or a control of the home tab, keeps its order by person."""
        payload = self.payload if isinstance(self.payload, dict) else {}
        event, place = payload.get("event"), payload.get("channel", payload.get("channel_id"))
        if isinstance(event, dict):
            place = event.get("channel")
        place = place or payload.get("user")
        if isinstance(place, dict):
            place = place.get("id")
        return place if isinstance(place, str) else ""


def parse_envelope(text: str) -> Envelope | None:
    """None for what is no envelope."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict):
        return None
    return Envelope(
        kind=_text(raw.get("type")),
        envelope_id=_text(raw.get("envelope_id")),
        reason=_text(raw.get("reason")),
        payload=raw.get("payload"),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
