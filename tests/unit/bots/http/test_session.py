from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bots.http.session import LIFETIME_SECONDS, Sessions


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def sessions(password="open sesame", secret=b"k" * 32, clock=None):
    return Sessions(secret, SecretStr(password), clock or Clock())


def test_an_issued_session_is_valid_until_its_end():
    clock = Clock()
    ours = sessions(clock=clock)
    token = ours.issue()
    assert ours.valid(token)
    clock.now += LIFETIME_SECONDS - 1
    assert ours.valid(token)
    clock.now += 2
    assert not ours.valid(token)


def test_a_session_can_not_be_prolonged_by_hand():
    ours = sessions()
    expires, _, signature = ours.issue().partition(".")
    assert not ours.valid(f"{int(expires) + 1}.{signature}")


def test_another_password_or_secret_ends_it():
    token = sessions().issue()
    assert not sessions(password="changed").valid(token)
    assert not sessions(secret=b"x" * 32).valid(token)


@given(st.text())
def test_nonsense_is_not_valid(token):
    assert not sessions().valid(token)
