"""Slack's events, button presses and slash commands over HTTP: POST /webhooks/slack.

200 says "received" and comes after the commit; 503 makes Slack send the event again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from urllib.parse import parse_qs

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import SecretStr

from assistant.errors import ChannelError, StorageUnavailable
from assistant.lines import EVERY, Line
from assistant.messages import Arrival
from bots.slack.install.workspace import Inbox
from bots.slack.signature import refusal
from bots.slack.whisper import to_one_person

_log = structlog.get_logger()
_FORM = "application/x-www-form-urlencoded"


class _Unreadable(ValueError):
    """The body is not what Slack sends; `str()` says how."""


def router(
    inbox: Inbox,
    signing_secret: SecretStr | None,
    clock: Callable[[], float] = time.time,
    line: Line | None = None,
) -> APIRouter:
    """The routes of one app, for all its workspaces. Without a signing secret every request is
    refused.

    `clock` gives seconds since the epoch. `line` is told what comes.
    """
    routes, heard = APIRouter(), line or Line("slack", EVERY, "webhook")

    async def take(request: Request) -> Response:
        body = await request.body()
        headers = request.headers
        timestamp = headers.get("x-slack-request-timestamp", "")
        signature = headers.get("x-slack-signature", "")
        if sentence := refusal(signing_secret, timestamp, signature, body, clock()):
            _log.warning("slack_request_refused", reason=sentence)
            return PlainTextResponse(sentence, status_code=401)
        heard.hear()
        try:
            return await _answer(inbox, body, headers.get("content-type", ""))
        except _Unreadable as error:
            return PlainTextResponse(str(error), status_code=400)
        except (StorageUnavailable, ChannelError) as error:
            _log.warning("slack_event_not_stored", code=error.code)
            sentence = "The event could not be stored. Please send it again."
            return PlainTextResponse(sentence, status_code=503)

    for path in ("/webhooks/slack", "/webhooks/slack/interactive"):
        routes.add_api_route(path, take, methods=["POST"], include_in_schema=False)
    return routes


async def _answer(inbox: Inbox, body: bytes, content_type: str) -> Response:
    if content_type.partition(";")[0].strip().lower() == _FORM:
        fields = _fields(body)
        if "command" in fields:
            told = await inbox.slash(fields)
            return JSONResponse(to_one_person(told)) if told else Response()
        if "payload" not in fields:
            raise _Unreadable("The form has no payload.")
        answer = await inbox.interaction(_json(fields["payload"]))
        return JSONResponse(answer) if answer else Response()
    event = _json(_utf8(body))
    if isinstance(event, dict) and event.get("type") == "url_verification":
        return PlainTextResponse(str(event.get("challenge", "")))
    arrival = Arrival()
    await inbox.event(event, arrival)
    arrival.acknowledge()
    return Response()


def _fields(body: bytes) -> dict[str, str]:
    try:
        fields = parse_qs(_utf8(body), errors="strict", max_num_fields=32)
    except ValueError as error:
        raise _Unreadable("The form can't be read.") from error
    return {name: values[0] for name, values in fields.items()}


def _utf8(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise _Unreadable("The body is not UTF-8.") from error


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _Unreadable("The body is not JSON.") from error
