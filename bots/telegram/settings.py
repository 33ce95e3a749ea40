"""Settings of the Telegram channel: OUTRIDER_TELEGRAM__…"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from assistant.messages import Access
from bots.listed import listed
from bots.secret_setting import SentSecret

DEFAULT = "default"
_NAME = re.compile(r"[a-z0-9_-]{1,32}")
_ID = re.compile(r"-?[0-9]{1,20}")


def name_of(account: str, field: str) -> str:
    """A setting of an account, by its name in the environment."""
    of_account = "" if account == DEFAULT else f"ACCOUNTS__{account.upper()}__"
    return f"OUTRIDER_TELEGRAM__{of_account}{field.upper()}"


class TelegramAccount(BaseModel):
    """What each of our bots on Telegram has of its own."""

    model_config = ConfigDict(extra="forbid")

    token: SentSecret = Field(
        default=None, description="The bot's token from @BotFather. Without it Telegram is off."
    )
    access: Access = Field(
        default="pairing",
        description="Who may talk to the bot: everybody, the allow-list, or whom an admin paired.",
    )
    allowlist: tuple[str, ...] = Field(
        default=(),
        description="Ids of the Telegram users who may talk to the bot, and of groups in which "
        "everybody may.",
    )
    webhook_url: str | None = Field(
        default=None,
        description="The public https address of /webhooks/telegram (for a further account, of "
        "/webhooks/telegram/ and its name). Empty: long polling.",
    )
    webhook_secret: SentSecret = Field(
        default=None,
        description="What Telegram sends along to show that it is Telegram: 16 to 256 of `A-Z a-z "
        "0-9 _ -`. Needed with an address; `openssl rand -hex 32` makes one.",
    )
    inline: bool = Field(
        default=False,
        description="Answer also where people write the bot's name and a question into any chat. "
        "Turn on inline mode and inline feedback (100 %) at @BotFather as well.",
    )
    guest: bool = Field(
        default=False,
        description="Answer also where people mention the bot in chats that it is no member of. "
        "Turn on guest mode at @BotFather as well.",
    )

    drafts: bool = Field(
        default=False,
        description="Show growing answers in private chats as drafts, and post one message at the "
        "end. Telegram's programs show drafts unevenly, and there is no Stop button under them.",
    )

    rich: bool = Field(
        default=False,
        description="Show messages that are whole as rich messages, with Telegram's own headings, "
        "lists and tables. Older programs of Telegram's don't show them.",
    )

    @property
    def bot_id(self) -> str:
        """A token begins with its bot's id; another token of the same bot does too."""
        number, colon, _ = (self.token.get_secret_value() if self.token else "").partition(":")
        return number if colon and number.isdecimal() else ""

    @field_validator("webhook_url", mode="before")
    @classmethod
    def empty_is_none(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("token")
    @classmethod
    def stands_in_an_address(cls, value: SecretStr | None) -> SecretStr | None:
        """A token is a part of each call's path; with `/test` it means Telegram's test servers."""
        token = value.get_secret_value().removesuffix("/test") if value is not None else ""
        if set(token) & set(" /?#%\\"):
            raise ValueError("is no token of Telegram's: copy it once more from @BotFather")
        return value

    @field_validator("allowlist", mode="before")
    @classmethod
    def ids_as_text(cls, value: object) -> object:
        """Ids are numbers at Telegram: `[7, 8]`, `"7, 8"` and `7` are all fine."""
        return listed(value)

    @field_validator("allowlist")
    @classmethod
    def are_ids(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """A name would let nobody in: Telegram says ids alone."""
        if strange := [one for one in value if not _ID.fullmatch(one)]:
            raise ValueError(
                f"{strange[0]!r} is no id of Telegram's: write a person's as 7654321 and a group's "
                "as -1001234567890"
            )
        return value

    @model_validator(mode="after")
    def keeps_somebody_out(self) -> Self:
        if self.access == "open" and self.allowlist:
            raise ValueError(
                "with ACCESS=open everybody may talk, so the list keeps nobody out: set "
                "ACCESS=allowlist, or take ALLOWLIST away"
            )
        return self


class TelegramSettings(TelegramAccount):
    """The account `default`, and the further ones."""

    base_url: str = Field(
        default="https://api.telegram.org",
        description="The Bot API server's root, to which `/bot<token>` and `/file/bot<token>` "
        "are added.",
    )
    accounts: dict[str, TelegramAccount] = Field(
        default={}, description="Further accounts by their names, each a bot with its own token."
    )

    @field_validator("base_url")
    @classmethod
    def is_a_root(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")

    @field_validator("accounts")
    @classmethod
    def can_be_told_apart(
        cls, accounts: Mapping[str, TelegramAccount]
    ) -> Mapping[str, TelegramAccount]:
        for name, account in accounts.items():
            if name == DEFAULT or not _NAME.fullmatch(name):
                raise ValueError(
                    "an account's name has at most 32 of a-z 0-9 _ - and is not 'default', which "
                    "is the one of OUTRIDER_TELEGRAM__TOKEN"
                )
            if account.token is None:
                raise ValueError(f"the account {name} has no token")
        return accounts

    @model_validator(mode="after")
    def each_has_its_own_token(self) -> TelegramSettings:
        """Of two that poll with one token, each would cut the other off."""
        known: dict[str, str] = {}
        for name, account in self.by_name().items():
            token = account.token.get_secret_value() if account.token else ""
            if (other := known.setdefault(token, name)) != name:
                raise ValueError(
                    f"the accounts {other} and {name} have the same token: each needs a bot of "
                    "its own, from @BotFather"
                )
        return self

    def by_name(self) -> dict[str, TelegramSettings]:
        """Each account that has a token, as if it were the only one."""
        named: dict[str, TelegramAccount] = {**self.accounts}
        if self.token is not None:
            named = {DEFAULT: self, **named}
        fields = TelegramAccount.model_fields
        return {
            name: TelegramSettings.model_construct(
                **{field: getattr(one, field) for field in fields},
                base_url=self.base_url,
                accounts={},
            )
            for name, one in named.items()
        }
