"""Settings: where they come from, what wins, and what is refused in which words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import SecretStr

from assistant.errors import StartupError
from bots.http.hosts import AllowedHosts
from bots.seal import new_key
from bots.settings import ANY, Settings, known_names, load_settings
from bots.worker_server import listen_for_watchers

HIDDEN = "hidden-part"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nobody's settings: an empty folder, and no name of ours in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in [one for one in os.environ if one.upper().startswith("OUTRIDER_")]:
        monkeypatch.delenv(name)
    return tmp_path


def refusal() -> str:
    with pytest.raises(StartupError) as caught:
        load_settings()
    assert HIDDEN not in str(caught.value)
    assert HIDDEN not in repr(caught.value.__cause__)
    return str(caught.value)


def test_without_any_setting_it_is_private_to_this_machine() -> None:
    settings = load_settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.engine.profile == "demo"
    assert settings.database_url is None
    assert settings.redis_url is None
    assert settings.telegram.access == "pairing"


@pytest.mark.parametrize(
    ("given", "expected"),
    [("/srv/data", "/srv/data/outrider"), ("", None), ("relative", None)],
)
def test_the_data_directory_follows_xdg(
    given: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", given)
    assert load_settings().data_dir == Path(expected or "~/.local/share/outrider").expanduser()


def test_a_data_directory_is_made_absolute(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTRIDER_DATA_DIR", "here")
    assert load_settings().data_dir == folder / "here"


def test_the_environment_wins_over_env_over_toml(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "outrider.toml").write_text(
        'host = "::1"\nport = 1\n[engine]\nprofile = "remote"\nmodel = "toml"\n'
    )
    (folder / ".env").write_text("export OUTRIDER_PORT=2\nOUTRIDER_ENGINE__MODEL=env\n# x\n")
    monkeypatch.setenv("OUTRIDER_PORT", "3")
    settings = load_settings()
    assert (settings.host, settings.port) == ("::1", 3)
    assert (settings.engine.profile, settings.engine.model) == ("remote", "env")


def test_names_of_others_are_none_of_our_business(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://elsewhere")
    (folder / ".env").write_text("SOMETHING=else\nOUTRIDER_PORT=9\n")
    assert load_settings().port == 9


@pytest.mark.parametrize(
    "text", ["a.example,b.example", "a.example b.example", '["a.example", "b.example"]']
)
def test_lists_are_json_or_have_commas_or_spaces(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTRIDER_HTTP__ALLOWED_HOSTS", text)
    assert load_settings().http.allowed_hosts == ("a.example", "b.example")


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("*.Example.org", "chat.example.org"),
        ("chat.example.org.", "chat.example.org:8443"),
        ("[2001:db8::1]", "[2001:db8::1]"),
        ("2001:DB8:0::1", "[2001:db8::1]:8443"),
        ("192.0.2.1", "192.0.2.1"),
        ("chat_1", "chat_1"),
    ],
)
def test_a_server_goes_by_the_names_that_are_allowed(
    given: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTRIDER_HTTP__ALLOWED_HOSTS", given)
    assert AllowedHosts("127.0.0.1", load_settings().http.allowed_hosts).allow(host)


@pytest.mark.parametrize("name", ["SLACK__ALLOWLIST", "SLACK__WORKSPACES", "HTTP__PROXIES"])
def test_further_lists_may_have_spaces(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    items = ("10.0.0.1", "10.0.0.2") if "PROXIES" in name else ("T1", "T2")
    monkeypatch.setenv(f"OUTRIDER_{name}", " ".join(items))
    group, field = name.lower().split("__")
    assert getattr(getattr(load_settings(), group), field) == items


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_both_spellings_of_postgres_are_taken(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTRIDER_DATABASE_URL", f"{scheme}://u:{HIDDEN}@h/d")
    url = load_settings().database_url
    assert url is not None
    assert url.get_secret_value() == f"postgresql://u:{HIDDEN}@h/d"


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_metrics_key_is_none_and_opens_nothing(
    blank: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTRIDER_HTTP__METRICS_KEY", blank)
    monkeypatch.setenv("OUTRIDER_WORKER__HOST", "0.0.0.0")
    monkeypatch.setenv("OUTRIDER_WORKER__PORT", "0")
    settings = load_settings()
    assert settings.http.metrics_key is None
    with pytest.raises(StartupError, match="set OUTRIDER_HTTP__METRICS_KEY"):
        listen_for_watchers(settings)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("DATABASE_URL", "postgresql://"),
        ("DATABASE_URL", "postgresql:///db?host=/run/postgresql"),
        ("DATABASE_URL", "postgresql://u:p%23%40@[::1]:5432/db?sslmode=require"),
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "redis://:p%23%2F%40@[::1]:6379/2?health_check_interval=5"),
        ("REDIS_URL", "rediss://u:p@h:6380/0?ssl_cert_reqs=none"),
        ("REDIS_URL", "unix://u:p@/run/valkey@1/valkey.sock?db=1"),
        ("REDIS_URL", "redis://h:6379/0?timeout=20"),
    ],
)
def test_a_url_is_taken_as_it_is_without_what_is_blank_at_its_ends(
    name: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"OUTRIDER_{name}", f"{url}\n")
    taken = getattr(load_settings(), name.lower())
    assert taken.get_secret_value() == url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API__KEY", "a key of several words"),
        ("ENGINE__API_KEY", "a key of several words"),
        ("TELEGRAM__TOKEN", "1:abc/test"),
    ],
)
def test_a_key_may_have_spaces_and_a_token_be_of_the_test_servers(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"OUTRIDER_{name}", value)
    found: object = load_settings()
    for part in name.lower().split("__"):
        found = getattr(found, part)
    assert isinstance(found, SecretStr) and found.get_secret_value() == value


@pytest.mark.parametrize("blank", ["", " "])
def test_a_blank_url_or_token_is_none(blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "TELEGRAM__TOKEN", "SLACK__BOT_TOKEN"):
        monkeypatch.setenv(f"OUTRIDER_{name}", blank)
    for name in ("API__KEY", "ENGINE__API_KEY", "ENGINE__HUB_TOKEN"):
        monkeypatch.setenv(f"OUTRIDER_{name}", blank)
    settings = load_settings()
    assert settings.database_url is settings.redis_url is settings.telegram.token is None
    assert settings.slack.bot_token is settings.api.key is None
    assert settings.engine.api_key is settings.engine.hub_token is None


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "seventy", "OUTRIDER_PORT: input should be a valid integer"),
        ("PORT", "70000", "OUTRIDER_PORT: input should be less than or equal to 65535"),
        ("LOG__LEVEL", "lod", "OUTRIDER_LOG__LEVEL: input should be 'debug'"),
        ("DATABASE_URL", f"mysql://u:{HIDDEN}@h/d", "OUTRIDER_DATABASE_URL: must begin with"),
        ("REDIS_URL", f"http://u:{HIDDEN}@h", "OUTRIDER_REDIS_URL: must begin with"),
        (
            "TELEGRAM__TOKEN",
            f"1:{HIDDEN}\u00a0x",
            "OUTRIDER_TELEGRAM__TOKEN: holds an inv",
        ),
        ("TELEGRAM__TOKEN", f"1:{HIDDEN}/x", "OUTRIDER_TELEGRAM__TOKEN: is no token of Telegram's"),
        ("SLACK__APP_TOKEN", f"{HIDDEN}\u200bx", "OUTRIDER_SLACK__APP_TOKEN: holds an in"),
        ("ENGINE__API_KEY", f"{HIDDEN}\u200bx", "OUTRIDER_ENGINE__API_KEY: holds an inv"),
        ("TELEGRAM__TOKEN", f"1:{HIDDEN} x", "OUTRIDER_TELEGRAM__TOKEN: is no token of Telegram's"),
        ("ENGINE__HUB_TOKEN", f"{HIDDEN}\nx", "OUTRIDER_ENGINE__HUB_TOKEN: holds an inv"),
        ("DATABASE_URL", f"postgresql://u:p@{HIDDEN}:abc/db", "DATABASE_URL: must be as postg"),
        ("DATABASE_URL", f"postgresql://u:p@h/db?{HIDDEN}=bar", "DATABASE_URL: must be as postg"),
        ("DATABASE_URL", f"postgresql://u:p@{HIDDEN}@h/db", "DATABASE_URL: must be as postgresql:"),
        ("DATABASE_URL", f"postgresql://u:{HIDDEN}%00@h/db", "DATABASE_URL: must be as postgresql"),
        ("REDIS_URL", f"redis://:{HIDDEN}#ss@host:6379", "REDIS_URL: must be as redis://user:pass"),
        ("REDIS_URL", f"redis://:1#{HIDDEN}@host:6379", "REDIS_URL: must be as redis://user:passw"),
        ("REDIS_URL", f"redis://:1/{HIDDEN}@host:6379", "REDIS_URL: must be as redis://user:passw"),
        ("REDIS_URL", f"rediss://:1?{HIDDEN}@host:63", "REDIS_URL: must be as rediss://user:pass"),
        ("REDIS_URL", f"redis://:[{HIDDEN}@host:6379", "REDIS_URL: must be as redis://user:passw"),
        ("REDIS_URL", f"redis://localhost:{HIDDEN}", "REDIS_URL: must be as redis://user:passwor"),
        ("REDIS_URL", f"redis://h?max_connections={HIDDEN}", "REDIS_URL: must be as redis://user:"),
        ("REDIS_URL", f"redis://h?{HIDDEN}=1", "REDIS_URL: must be as redis://user:password@host"),
        ("REDIS_URL", f"redis://h?protocol=9&{HIDDEN}=1", "REDIS_URL: must be as redis://user:pa"),
        ("REDIS_URL", f"unix:///tmp/{HIDDEN}#1", "REDIS_URL: must be as unix://user:password@/pa"),
        ("HTTP__ALLOWED_HOSTS", "https://chat.example.org", "is no name of a server: write it as"),
        ("HTTP__ALLOWED_HOSTS", "a.example, chat.example.org:8443", "is no name of a server: wr"),
        ("HTTP__ALLOWED_HOSTS", "chat.example.org/chat", "is no name of a server: write it as"),
        ("HTTP__ALLOWED_HOSTS", "*", "is no name of a server: write it as chat.example.org, wit"),
        ("TELEGRAM__ALLOWLIST", "7 @alice", "'@alice' is no id of Telegram's: write a person's"),
        ("TELEGRAM__ALLOWLIST", "true", "'True' is no id of Telegram's: write a person's as 76"),
        ("SLACK__BASE_URL", HIDDEN, "OUTRIDER_SLACK__BASE_URL: must begin with"),
        ("ENGINE", f'{{"api_kye": "{HIDDEN}"}}', "did you mean OUTRIDER_ENGINE__API_KEY?"),
        ("ENGINE", HIDDEN, "OUTRIDER_ENGINE: "),
    ],
)
def test_a_value_that_is_wrong_is_named_and_not_shown(
    name: str, value: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"OUTRIDER_{name}", value)
    said = refusal()
    assert sentence in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("OUTRIDER_DATADIR", "OUTRIDER_DATA_DIR"),
        ("OUTRIDER_TELEGRAM__TOKN", "OUTRIDER_TELEGRAM__TOKEN"),
        ("OUTRIDER_TELEGRAM_TOKEN", "OUTRIDER_TELEGRAM__TOKEN"),
        ("outrider_slck__app_token", "OUTRIDER_SLACK__APP_TOKEN"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(
    name: str, near: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, HIDDEN)
    assert refusal() == f"{name} in the environment is not a setting: did you mean {near}?"
    monkeypatch.delenv(name)
    (folder / ".env").write_text(f"{name}={HIDDEN}\n")
    assert refusal() == f"{name} in .env is not a setting: did you mean {near}?"


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("outrider.toml", f'[slack]\nbot_tokn = "{HIDDEN}"', "did you mean OUTRIDER_SLACK__BOT_T"),
        ("outrider.toml", f"hots = '{HIDDEN}'", "did you mean OUTRIDER_HOST?"),
        ("outrider.toml", "[log]\nlevel = 'loud'", "OUTRIDER_LOG__LEVEL: input should be"),
        ("outrider.toml", "[log]\nlevel = 7", "OUTRIDER_LOG__LEVEL: input should be"),
        ("outrider.toml", f"[log\nlevel = '{HIDDEN}'", "outrider.toml can't be read: Expected"),
        ("outrider.toml", f"host = '\xe9{HIDDEN}'", "outrider.toml can't be read: it is not UTF-8"),
        (".env", f"OUTRIDER_HOST=\xe9{HIDDEN}", ".env can't be read: it is not UTF-8 text."),
        (".env", "OUTRIDER_LOG__LEVEL=loud", "OUTRIDER_LOG__LEVEL: input should be"),
    ],
)
def test_a_file_with_a_fault_is_refused(
    file: str, content: str, sentence: str, folder: Path
) -> None:
    (folder / file).write_bytes(content.encode("latin-1"))
    said = refusal()
    assert sentence in said
    assert len(said.splitlines()) == 1


def test_a_file_that_is_a_folder_is_refused(folder: Path) -> None:
    (folder / ".env").mkdir()
    assert refusal() == ".env can't be read: Is a directory."


def test_every_fault_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTRIDER_PORT", "x")
    monkeypatch.setenv("OUTRIDER_LOG__LEVEL", "y")
    assert [line.split(":")[0] for line in refusal().splitlines()] == [
        "OUTRIDER_PORT",
        "OUTRIDER_LOG__LEVEL",
    ]


def test_no_secret_is_in_the_representation(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = [name for name, field in known_names().items() if SecretStr in _kinds(field)]
    assert len(secret) >= 9
    for name in secret:
        value = f"postgresql://{HIDDEN}" if "DATABASE" in name else f"{HIDDEN}-{name}"
        monkeypatch.setenv(name.replace(ANY, "ONE"), value)
    monkeypatch.setenv("OUTRIDER_REDIS_URL", f"redis://{HIDDEN}")
    keys = [new_key(), new_key()]
    monkeypatch.setenv("OUTRIDER_SLACK__TOKEN_KEYS", ",".join(keys))
    monkeypatch.setenv("OUTRIDER_ADMIN__TOTP_KEYS", ",".join(keys))
    settings = load_settings()
    assert [one.get_secret_value() for one in settings.slack.token_keys] == keys
    for hidden in (HIDDEN, *keys):
        assert hidden not in repr(settings)
        assert hidden not in settings.model_dump_json()


@pytest.mark.parametrize("name", [one for one in known_names() if "URL" not in one])
def test_what_sounds_secret_is_a_secret(name: str) -> None:
    secret = name.endswith(("TOKEN", "SECRET", "PASSWORD", "KEY", "KEYS"))
    assert (SecretStr in _kinds(known_names()[name])) is secret


def test_the_fixed_names_are_there() -> None:
    fixed = """HOST PORT DATA_DIR DATABASE_URL REDIS_URL ENGINE__PROFILE ENGINE__MODEL
        ENGINE__BASE_URL ENGINE__API_KEY TELEGRAM__TOKEN TELEGRAM__BASE_URL TELEGRAM__ACCESS
        TELEGRAM__WEBHOOK_URL TELEGRAM__WEBHOOK_SECRET SLACK__BOT_TOKEN SLACK__APP_TOKEN
        SLACK__SIGNING_SECRET SLACK__BASE_URL ADMIN__PASSWORD"""
    assert {f"OUTRIDER_{name}" for name in fixed.split()} <= set(known_names())


def test_a_model_of_the_settings_holds_its_own_defaults() -> None:
    first, second = Settings(), Settings()
    assert first == second


def _kinds(field: Any) -> tuple[Any, ...]:
    return (field.annotation, *get_args(field.annotation))
