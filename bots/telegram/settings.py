"""Settings of the Telegram channel: OUTRIDER_TELEGRAM__…"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from assistant.messages import Access


class TelegramSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: SecretStr | None = Field(
        default=None, description="The bot's token from @BotFather. Without it Telegram is off."
    )
    base_url: str = Field(
        default="https://api.telegram.org",
        description="The Bot API server's root, to which `/bot<token>` and `/file/bot<token>` "
        "are added.",
    )
    access: Access = Field(
        default="pairing",
        description="Who may talk to the bot: everybody, the allow-list, or whom an admin paired.",
    )
    allowlist: tuple[str, ...] = Field(
        default=(), description="Ids of the Telegram users who may talk to the bot."
    )
    webhook_url: str | None = Field(
        default=None,
        description="The public https address of /webhooks/telegram. Empty: long polling.",
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="What Telegram sends along to show that it is Telegram."
    )

    @field_validator("token", "webhook_url", "webhook_secret", mode="before")
    @classmethod
    def empty_is_none(cls, value: object) -> object:
        empty = isinstance(value, SecretStr) and not value.get_secret_value()
        return None if value == "" or empty else value

    @field_validator("base_url")
    @classmethod
    def is_a_root(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")

    @field_validator("allowlist", mode="before")
    @classmethod
    def ids_as_text(cls, value: object) -> object:
        """Ids are numbers at Telegram: `[7, 8]`, `"7, 8"` and `7` are all fine."""
        if isinstance(value, int | str):
            return tuple(str(value).replace(",", " ").split())
        return tuple(map(str, value)) if isinstance(value, list | tuple) else value
