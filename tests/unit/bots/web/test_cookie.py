from starlette.requests import Request

from bots.web.cookie import ChatCookie


def request(cookie=""):
    return Request({"type": "http", "headers": [(b"cookie", cookie.encode())]})


def test_a_new_cookie_can_not_be_guessed_and_comes_back():
    first, second = ChatCookie.of(request()), ChatCookie.of(request())
    assert first.fresh
    assert first.value != second.value
    assert len(first.value) == 43
    again = ChatCookie.of(request(f"outrider_chat={first.value}"))
    assert not again.fresh
    assert again.chat == first.chat


def test_the_cookie_is_not_what_is_stored():
    cookie = ChatCookie.of(request())
    assert cookie.value not in repr(cookie.chat)
    assert len(cookie.chat.chat_id) == 64


def test_a_value_that_is_none_of_ours_is_replaced():
    for value in ("", "x", "a" * 42, "a" * 44, "a" * 42 + "!"):
        assert ChatCookie.of(request(f"outrider_chat={value}")).fresh
