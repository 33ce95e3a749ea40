import pytest

from bots.http.hosts import AllowedHosts, is_loopback, split_host


@pytest.mark.parametrize(
    ("header", "split"),
    [
        ("localhost:8080", ("localhost", 8080)),
        ("Chat.Example.ORG.", ("chat.example.org", None)),
        ("[::1]:80", ("::1", 80)),
        ("[::1]", ("::1", None)),
        ("", None),
        ("a:b", None),
        ("a:65535", ("a", 65535)),
        ("a:123456", None),
        pytest.param("a:" + "1" * 5_000, None, id="5,000 digits"),
        ("a:", None),
        ("a:１", None),
        ("[::1", None),
        ("user@localhost", None),
        ("localhost:80:80", None),
    ],
)
def test_a_host_header_is_taken_apart_or_refused(header, split):
    assert split_host(header) == split


@pytest.mark.parametrize("name", ["localhost", "a.localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_loopback_names(name):
    assert is_loopback(name)


@pytest.mark.parametrize("name", ["0.0.0.0", "::", "10.0.0.1", "localhost.evil.example", ""])
def test_names_that_others_can_reach(name):
    assert not is_loopback(name)


def test_on_loopback_a_strangers_name_or_address_is_refused():
    hosts = AllowedHosts("127.0.0.1")
    assert hosts.allow("localhost:8080")
    assert hosts.allow("127.0.0.1:8080")
    assert not hosts.allow("rebound.example:8080")
    assert not hosts.allow("10.0.0.7:8080")
    assert not hosts.allow("127.0.0.1.evil.example")


def test_where_others_may_connect_any_address_passes_and_names_are_listed():
    hosts = AllowedHosts("0.0.0.0", ("chat.example.org", "*.team.example"))
    assert hosts.allow("10.0.0.7:8080")
    assert hosts.allow("[fe80::1]:8080")
    assert hosts.allow("CHAT.example.org")
    assert hosts.allow("a.team.example")
    assert not hosts.allow("team.example")
    assert not hosts.allow("evilteam.example")
    assert not hosts.allow("rebound.example")
