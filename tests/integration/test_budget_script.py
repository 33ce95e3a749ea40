"""The script in Redis decides as the budget in Python, which is tried on the fake's flood limits."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from assistant.budget import GRANT, SECOND, Terms
from assistant.channel import Pace
from assistant.local_budget import LocalBudget
from assistant.penalties import AccountKeys

KEYS = AccountKeys("telegram", "default")
START = 1_700_000_000 * SECOND
# Few calls a second for many chats, so that they wait for the account as well.
PACE = Pace(1.1, 3.5, 4.0)

steps = st.lists(
    st.tuples(
        st.integers(0, 800_000),  # microseconds since the call before
        st.integers(1, 12),  # the chat; every third is a group
        st.booleans(),  # final
        st.booleans(),  # comes back as it was told
    ),
    min_size=1,
    max_size=120,
)


@given(steps, st.sampled_from([0, START]))
@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_script_and_the_local_budget_agree(
    redis_url: str, sequence: list[tuple[int, int, bool, bool]], born: int
) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
        redis.set(KEYS.marker, 1)
        redis.hset(KEYS.budget, "born", str(born))
        script, budget, now = redis.register_script(GRANT), LocalBudget(born), START

        def both(chat: str, kind_is_private: bool, final: bool) -> int:
            terms = Terms.of(PACE, "private" if kind_is_private else "group")
            values = [chat, terms.chat_interval, terms.account_interval, int(final), now]
            expected = budget.ask(chat, terms, now, final=final)
            assert script(KEYS.of_grant(chat), values) == expected
            return expected

        for gap, number, final, patient in sequence:
            now += gap
            wait = both(str(number), number % 3 != 0, final)
            if wait and patient:
                now += wait
                both(str(number), number % 3 != 0, final)
