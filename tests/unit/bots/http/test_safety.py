import pytest
from pydantic import SecretStr

from assistant.errors import StartupError
from bots.http.safety import HttpSafety, same_secret


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "chat.example.org"])
def test_nothing_starts_without_a_password_where_others_can_connect(host):
    with pytest.raises(StartupError, match="OUTRIDER_ADMIN__PASSWORD"):
        HttpSafety(host=host, session_secret=b"s" * 32)
    HttpSafety(host=host, session_secret=b"s" * 32, password=SecretStr("x"))


def test_an_empty_password_is_none():
    with pytest.raises(StartupError, match="empty"):
        HttpSafety(host="127.0.0.1", session_secret=b"s" * 32, password=SecretStr(""))


def test_a_short_secret_is_refused_and_none_is_shown():
    with pytest.raises(StartupError, match="32 bytes"):
        HttpSafety(host="127.0.0.1", session_secret=b"short")


def test_secrets_are_compared_whole():
    assert same_secret("abc", SecretStr("abc"))
    assert not same_secret("ab", SecretStr("abc"))
    assert not same_secret("", SecretStr("abc"))
    assert not same_secret("\ud800", SecretStr("abc"))
