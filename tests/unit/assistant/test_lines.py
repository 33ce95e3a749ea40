"""What a way in tells of itself, and what of that is said on."""

from __future__ import annotations

from assistant.lines import ERROR_CHARACTERS, EVERY, Line, Lines


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_state_lasts_from_its_beginning_however_often_it_is_told() -> None:
    clock = Clock()
    line = Line("telegram", "default", "polling", clock)
    line.become("open")
    clock.now += 30
    line.become("open")
    assert line.report("a").state_seconds == 30
    line.fail("Telegram can't be reached.")
    assert (line.report("a").state, line.report("a").state_seconds) == ("down", 0)


def test_an_error_stays_known_after_the_line_is_open_again() -> None:
    clock = Clock()
    line = Line("telegram", "default", "polling", clock)
    line.fail("Telegram can't be reached.")
    clock.now += 5
    line.become("open")
    report = line.report("a")
    assert (report.state, report.error) == ("open", "Telegram can't be reached.")
    assert (report.error_seconds, report.failures) == (5, 1)


def test_an_error_is_cut_and_can_be_stored() -> None:
    line = Line("telegram", "default", "polling")
    line.fail("\0" + "x" * 5000)
    assert line.error == "x" * ERROR_CHARACTERS


def test_what_comes_for_an_account_without_a_line_of_its_own_is_known_too() -> None:
    lines = Lines()
    lines.open("slack", EVERY, "socket")
    lines.hear("slack", "T1")
    (kept,) = lines.to_keep(1.0)
    assert (kept["channel"], kept["account"]) == ("slack", "T1")


def test_only_what_is_new_is_written_down() -> None:
    clock = Clock()
    lines = Lines(clock)
    lines.open("telegram", "default", "polling")
    assert lines.to_keep(60) == []
    lines.hear("telegram", "default")
    lines.hear("slack", "T1")
    clock.now += 20
    lines.open("telegram", "second", "polling").fail("Telegram can't be reached.")
    assert [one["account"] for one in lines.to_keep(10)] == ["second"]
    assert sorted(str(one["account"]) for one in lines.to_keep(30)) == ["T1", "default", "second"]
