from inference.api import ChatMessage, Image
from inference.on_ray.routing import beginning_key

SYSTEM = ChatMessage("system", "Be kind.")
FIRST = ChatMessage("user", "Tell me of Rome.")


def test_a_conversations_later_turns_have_its_first_ones_key():
    later = [SYSTEM, FIRST, ChatMessage("assistant", "Long ago."), ChatMessage("user", "And then?")]
    assert beginning_key(later) == beginning_key([SYSTEM, FIRST])


def test_what_begins_otherwise_has_another_key():
    picture = Image("image/png", b"dots", 1, 1)
    others = [
        [SYSTEM, ChatMessage("user", "Tell me of Athens.")],
        [ChatMessage("system", "Be brief."), FIRST],
        [FIRST],
        [SYSTEM, ChatMessage("user", FIRST.content, (picture,))],
        [ChatMessage("system", "Be kind.Tell"), ChatMessage("user", " me of Rome.")],
    ]
    assert len({beginning_key(one) for one in ([SYSTEM, FIRST], *others)}) == 1 + len(others)


def test_a_key_shows_nothing_of_the_text():
    assert "Rome" not in beginning_key([FIRST])
