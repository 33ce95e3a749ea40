"""The web chat and the API before any Assistant, put together as `outrider run` does."""

from __future__ import annotations

from fastapi import FastAPI
from pydantic import SecretStr
from starlette.types import ASGIApp

from assistant.service import Assistant
from assistant.settings import AssistantSettings
from bots.api.keys import Access, Keyring
from bots.api.router import api_router
from bots.http.safety import HttpSafety
from bots.http.secure import secure
from bots.http.stream import QUIET_SECONDS
from bots.web.router import web_router

KEY = SecretStr("sk-test-key")
SAFETY = HttpSafety(host="127.0.0.1", session_secret=b"s" * 32)


def chat_app(
    assistant: Assistant,
    safety: HttpSafety = SAFETY,
    access: Access | None = None,
    quiet_seconds: float = QUIET_SECONDS,
) -> ASGIApp:
    access = access or Access(Keyring(KEY))
    app = FastAPI(title="Outrider", version="0", docs_url=None, redoc_url=None)
    app.include_router(api_router(assistant, access, quiet_seconds=quiet_seconds))
    app.include_router(web_router(assistant, AssistantSettings()))
    return secure(app, safety)
