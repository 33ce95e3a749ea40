from assistant.messages import ReplyDelta
from bots.reply_text import ReplyText


def test_deltas_of_an_older_attempt_are_dropped_and_an_offset_truncates():
    reply = ReplyText()
    reply.apply(ReplyDelta(1, 1, 0, "The capital is Lyo"))
    reply.apply(ReplyDelta(1, 2, 15, "Paris"))
    reply.apply(ReplyDelta(1, 1, 18, "n."))
    assert reply.text == "The capital is Paris"
    assert reply.last is None
    reply.apply(ReplyDelta(1, 2, 20, ".", "done"))
    assert reply.text == "The capital is Paris."
    assert reply.last is not None
