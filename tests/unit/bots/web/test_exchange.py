from assistant.messages import HistoryEntry
from bots.web.exchange import exchanges
from bots.web.markdown import MarkdownPage

PAGE = MarkdownPage()


def test_questions_that_were_answered_together_are_one_exchange():
    turns = exchanges(
        [
            HistoryEntry("user", "one", 1, "done"),
            HistoryEntry("user", "two", 1, "done"),
            HistoryEntry("assistant", "*both*", 1, "done"),
            HistoryEntry("user", "three", 2, "queued"),
        ],
        PAGE,
    )
    assert [turn.questions for turn in turns] == [["one", "two"], ["three"]]
    assert turns[0].reply == ['<p dir="auto"><em>both</em></p>\n']
    assert [turn.live for turn in turns] == [False, True]


def test_a_queued_turn_waits_only_behind_one_that_is_not_over():
    def waits(*states):
        entries = [HistoryEntry("user", "x", turn, state) for turn, state in enumerate(states)]
        return [turn.waits for turn in exchanges(entries, PAGE)]

    assert waits("running", "queued") == [False, True]
    assert waits("done", "queued") == [False, False]
    assert waits("failed", "running") == [False, False]


def test_what_was_said_before_a_failure_stays_with_its_reason():
    (turn,) = exchanges(
        [
            HistoryEntry("user", "one", 1, "failed"),
            HistoryEntry("assistant", "half", 1, "failed", "The model stopped."),
        ],
        PAGE,
    )
    assert turn.error == "The model stopped."
    assert turn.reply


def test_a_live_reply_is_left_to_its_stream():
    (turn,) = exchanges(
        [
            HistoryEntry("user", "one", 1, "running"),
            HistoryEntry("assistant", "hal", 1, "running"),
        ],
        PAGE,
    )
    assert turn.live
    assert turn.reply == []
