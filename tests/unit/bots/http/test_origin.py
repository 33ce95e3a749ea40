import pytest
from starlette.datastructures import Headers

from bots.http.origin import is_same_origin


def check(method="POST", **headers):
    return is_same_origin(
        method, Headers({name.replace("_", "-"): value for name, value in headers.items()})
    )


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8080", "http://localhost:8080"),
        ("chat.example.org", "https://chat.example.org"),
        ("chat.example.org:443", "https://chat.example.org"),
        ("[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_our_own_pages_may_change_things(host, origin):
    assert check(host=host, origin=origin)


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://localhost:9090",
        "http://localhost",
        "null",
        "",
        "http://localhost:8080.evil.example",
        "http://localhost:99999",
        "file://localhost:8080",
    ],
)
def test_other_sites_may_not(origin):
    assert not check(host="localhost:8080", origin=origin)


def test_a_browser_that_says_cross_site_is_believed_without_an_origin():
    assert not check(host="localhost:8080", sec_fetch_site="cross-site")
    assert not check(host="localhost:8080", sec_fetch_site="same-site")
    assert check(host="localhost:8080", sec_fetch_site="same-origin")


def test_a_client_that_is_no_browser_passes():
    assert check(host="localhost:8080")


def test_reading_is_free():
    assert check("GET", host="localhost:8080", origin="http://evil.example")
