import pytest

from bots.http.throttle import FREE_FAILURES, LONGEST_WAIT_SECONDS, Throttle, network_of


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_few_wrong_tries_are_free_and_then_each_doubles_the_wait():
    throttle = Throttle(Clock())
    waits = []
    for _ in range(FREE_FAILURES + 3):
        throttle.failed("a")
        waits.append(throttle.wait_seconds("a"))
    assert waits == [0] * (FREE_FAILURES - 1) + [1, 2, 4, 8]


def test_the_wait_has_an_end_and_time_shortens_it():
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(200):
        throttle.failed("a")
    assert throttle.wait_seconds("a") == LONGEST_WAIT_SECONDS
    clock.now += 100
    assert throttle.wait_seconds("a") == LONGEST_WAIT_SECONDS - 100


def test_others_do_not_wait_and_success_forgives():
    throttle = Throttle(Clock())
    for _ in range(FREE_FAILURES):
        throttle.failed("a")
    assert throttle.wait_seconds("b") == 0
    throttle.succeeded("a")
    assert throttle.wait_seconds("a") == 0


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_all_addresses_of_a_household_count_as_one(address: str, counted: str):
    assert network_of(address) == counted
