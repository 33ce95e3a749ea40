"""All settings: `OUTRIDER_…` in the environment, a `.env` file, or `outrider.toml`.

The environment wins over `.env`, `.env` over the TOML file. Nested names are joined by `__`.
Unknown names are refused with the nearest known one; values never appear in an error.
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from assistant.errors import StartupError
from assistant.settings import AssistantSettings
from bots.admin.oidc.settings import OidcSettings
from bots.http.settings import HttpSettings
from bots.listed import listed
from bots.seal import is_key
from bots.secret_setting import SentSecret
from bots.server_urls import postgres_url, redis_url
from bots.slack.settings import SlackSettings
from bots.telegram.settings import TelegramSettings
from inference.settings import EngineSettings

PREFIX = "OUTRIDER_"
DELIMITER = "__"
ANY = "<NAME>"
ENV_FILE = ".env"
TOML_FILE = "outrider.toml"


def default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "outrider"


class AdminSettings(BaseModel, extra="forbid"):
    """`OUTRIDER_ADMIN__…`"""

    password: SecretStr | None = Field(
        None,
        description="The password of the admin `admin` in `/admin`; without the next one it opens "
        "the web chat too. Needed when `OUTRIDER_HOST` is not a loopback address, and "
        "where `OUTRIDER_HTTP__ALLOWED_HOSTS` has a name that is none.",
    )
    chat_password: SecretStr | None = Field(
        None,
        min_length=1,
        description="What opens the web chat in its place, so that who writes there is no admin.",
    )
    totp_keys: tuple[SecretStr, ...] = Field(
        (),
        description="Keys that the secrets of admins' second factors are stored under: the first "
        "seals, all of them open. Without any, one is made in the data directory; several gateways "
        "need the same. `outrider slack key` makes one.",
    )
    oidc: OidcSettings = OidcSettings()

    @field_validator("totp_keys", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return listed(value)

    @field_validator("totp_keys")
    @classmethod
    def _are_keys(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all(is_key(one.get_secret_value()) for one in value):
            raise ValueError("must be keys as 'outrider slack key' makes them")
        return value


class ApiSettings(BaseModel, extra="forbid"):
    """`OUTRIDER_API__…`"""

    key: SentSecret = Field(
        None,
        description="Bearer key of `/v1`, which may do all but `/v1/admin`. Without it one is made "
        "in the data directory. `outrider keys` makes others.",
    )
    requests_at_once: int = Field(
        2000,
        ge=1,
        description="Requests of `/v1` that one gateway is at, at once; more are turned away.",
    )


class WorkerSettings(BaseModel, extra="forbid"):
    """`OUTRIDER_WORKER__…`"""

    host: str = Field(
        "127.0.0.1", description="The address of a worker's `/healthz`, `/readyz` and `/metrics`."
    )
    port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Their port, with `outrider worker`; without it they are not served.",
    )


class LogSettings(BaseModel, extra="forbid"):
    """`OUTRIDER_LOG__…`"""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe line that is written."
    )
    format: Literal["auto", "console", "json"] = Field(
        "auto", description="`auto`: for people on a terminal, else JSON lines."
    )


class Settings(BaseSettings):
    """`OUTRIDER_…`"""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        toml_file=TOML_FILE,
        extra="forbid",
        hide_input_in_errors=True,
    )

    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(
        8080, ge=0, le=65535, description="The port to listen on; 0 takes a free one."
    )
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Where the model, the embedded servers' data, keys and logs are kept.",
    )
    database_url: SecretStr | None = Field(
        None, description="`postgresql://…`; without it `outrider run` starts its own PostgreSQL."
    )
    redis_url: SecretStr | None = Field(
        None,
        description="`redis://…`, `rediss://…` or `unix://…`; without it `outrider run` starts "
        "its own Valkey.",
    )
    engine: EngineSettings = EngineSettings()
    assistant: AssistantSettings = AssistantSettings()
    telegram: TelegramSettings = TelegramSettings()
    slack: SlackSettings = SlackSettings()
    admin: AdminSettings = AdminSettings()
    api: ApiSettings = ApiSettings()
    http: HttpSettings = HttpSettings()
    worker: WorkerSettings = WorkerSettings()
    log: LogSettings = LogSettings()

    @field_validator("database_url", "redis_url", mode="before")
    @classmethod
    def _blank_is_none(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        return SecretStr(postgres_url(value.get_secret_value())) if value else None

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        return SecretStr(redis_url(value.get_secret_value())) if value else None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        toml = TomlConfigSettingsSource(settings_cls)
        return (init_settings, _Environment(settings_cls), _DotEnv(settings_cls), toml)


class _Lists:
    """Lists may be written as JSON or with commas: `a,b`."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return json.loads(value)
        except ValueError:
            return [part.strip() for part in value.split(",") if part.strip()]


class _Environment(_Lists, EnvSettingsSource):
    pass


class _DotEnv(_Lists, DotEnvSettingsSource):
    def __call__(self) -> dict[str, Any]:
        """As for the environment: a name without our prefix is somebody else's, not a fault."""
        return EnvSettingsSource.__call__(self)


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read all sources. Raises StartupError with one sentence for each fault."""
    given = os.environ if environment is None else environment
    for file, read in ((ENV_FILE, _read_text), (TOML_FILE, _read_toml)):
        if Path(file).exists():
            _readable(file, read)
    faults = [*_unknown(given, "the environment"), *_unknown(_dotenv_names(), ENV_FILE)]
    if faults:
        raise StartupError("\n".join(faults))
    try:
        return Settings()
    except ValidationError as error:
        raise StartupError("\n".join(_sentences(error))) from None


def _readable(file: str, read: Callable[[str], object]) -> None:
    try:
        read(file)
    except UnicodeDecodeError:  # whose own words show a byte of what stands there
        raise StartupError(f"{file} can't be read: it is not UTF-8 text.") from None
    except tomllib.TOMLDecodeError as error:
        raise StartupError(f"{file} can't be read: {error}.") from None
    except OSError as error:
        raise StartupError(f"{file} can't be read: {error.strerror}.") from None


def _read_text(file: str) -> str:
    return Path(file).read_text(encoding="utf-8")


def _read_toml(file: str) -> object:
    return tomllib.loads(_read_text(file))


def known_names(model: type[BaseModel] = Settings, prefix: str = PREFIX) -> dict[str, FieldInfo]:
    """Every setting by its name in the environment, with ANY for what people name themselves."""
    names: dict[str, FieldInfo] = {}
    for name, field in model.model_fields.items():
        inner, named = _inner_model(field), _named_model(field)
        full = prefix + name.upper()
        if named is not None:
            names.update(known_names(named, full + DELIMITER + ANY + DELIMITER))
        elif inner is not None:
            names.update(known_names(inner, full + DELIMITER))
        else:
            names[full] = field
    return names


def _named_model(field: FieldInfo) -> type[BaseModel] | None:
    """Of a table whose entries people name themselves: what each of them is."""
    of_entries: Any = get_args(field.annotation)[-1:]
    entries: type = of_entries[0] if get_origin(field.annotation) is dict else object
    return entries if issubclass(entries, BaseModel) else None


def _inner_model(field: FieldInfo) -> type[BaseModel] | None:
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _unknown(names: Iterable[str], where: str) -> list[str]:
    known = known_names()
    groups = {group for name in known for group in _groups(name)}
    faults = []
    for name in names:
        upper = name.upper()
        ours = upper.startswith(PREFIX) and upper not in RESERVED
        if ours and not {upper, _unnamed(upper, groups)} & (known.keys() | groups):
            faults.append(f"{name} in {where} is not a setting{_hint(upper, known)}")
    return faults


def _groups(name: str) -> Iterable[str]:
    """What a nested name stands in, which may be written as JSON as well."""
    while DELIMITER in name:
        name = name.rsplit(DELIMITER, 1)[0]
        yield name


def _unnamed(name: str, groups: Iterable[str]) -> str:
    """The name with ANY in place of what a person called an entry of a table."""
    for group in groups:
        table = group.removesuffix(ANY)
        if group != table and name.startswith(table):
            _, delimiter, rest = name.removeprefix(table).partition(DELIMITER)
            return group + delimiter + rest
    return name


# Read by our tools and by processes that we start, not settings of a person.
RESERVED = frozenset(
    {
        "OUTRIDER_VLLM_PLUGIN",
        "OUTRIDER_START_REPORTS",
        "OUTRIDER_REQUIRE_BROWSER",
        "OUTRIDER_TEST_MODELS_DIR",
    }
)


def _hint(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f": did you mean {near[0]}?" if near else "."


def _dotenv_names() -> list[str]:
    lines = _read_text(ENV_FILE).splitlines() if Path(ENV_FILE).exists() else []
    names = (line.partition("=")[0].strip().removeprefix("export ") for line in lines)
    return [name for name in names if name and not name.startswith("#")]


def _sentences(error: ValidationError) -> list[str]:
    sentences = []
    for fault in error.errors(include_input=False, include_url=False):
        name = PREFIX + DELIMITER.join(str(part).upper() for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            sentences.append(f"{name} is not a setting{_hint(name, known_names())}")
        else:
            message = fault["msg"].removeprefix("Value error, ")
            sentences.append(f"{name}: {message[:1].lower()}{message[1:]}.")
    return sentences
