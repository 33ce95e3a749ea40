"""Who is answered next where many wait: start-time fair queuing, per account and per person.

Goyal, Vin and Cheng, "Start-time Fair Queuing" (SIGCOMM 1996): each request of a flow is stamped,
when it comes, with a start tag in *virtual time*, and whoever has the least tag is served. A flow's
tags lie `1 / weight` apart, and none lies before the virtual time, which is the tag of what began
last. So a flow with much waiting gets its share and no more, one that comes anew is served about at
once, and one that was away saves nothing up. Here a turn is the request, whatever its length, which
nobody knows beforehand. `turns.due_at` is its tag: its seconds pass as turns begin, not as a clock
goes.

Flows have two levels, in one number. In an account's *round* each of its persons has one turn: a
turn that comes while its person has no other is the account's next, `STEP / weight` behind the one
before. A person's further turn stands a round behind their last: as far as the round then reaches
(shorter by the person's weight), and never closer than the account's own step. So an account's
share does not grow with its people, nor a person's with their turns. What is stamped stays so: who
had stamped much before others came keeps it, which gives an account with n busy persons at most the
n-th harmonic number of its share, until these are through.

Background work stands `BACKGROUND` virtual seconds behind: people who come go first until so many
have passed. Then it goes in its order, so it never starves.

Nothing starves: a turn with tag D, at the virtual time v, is overtaken by at most
`1 + (D - v) / (STEP / weight)` turns more of each account, and of each person, that come after it
(`tests/integration/test_fair_queue.py` holds it).
"""

from __future__ import annotations

from collections.abc import Mapping

STEP = 5.0  # virtual seconds between two turns of an account whose weight is 1
BACKGROUND = 60.0
BEHIND_FIRSTS = "1 ms"  # where two tags are the same, who has no other turn goes first
PERSON, BACKGROUND_WORK = 0, 1  # `turns.priority`, and the engine's own: less goes first

# In virtual time: what began last.
CLOCK = "coalesce((SELECT max(begun_at) FROM queue_clocks), now())"
# Behind a statement's `sender (person_id)`. Each step finds one row by its key, whenever it was
# planned: `live.person_id` and `first_in` are equal to something, and nothing else is asked.
DUE = f"""
, share AS MATERIALIZED (
    SELECT sender.person_id, {CLOCK} AS clock,
        (SELECT make_interval(secs => %(step)s / weight) FROM accounts
        WHERE id = %(account)s) AS step,
        coalesce((SELECT weight FROM persons WHERE id = sender.person_id), 1) AS weight,
        (SELECT live.due_at FROM turns AS live
        WHERE live.person_id = sender.person_id AND live.state IN ('queued', 'running')
            AND live.priority = %(priority)s
        ORDER BY live.due_at DESC LIMIT 1) AS last,
        greatest((SELECT begun_at FROM queue_clocks WHERE account_id = %(account)s),
            (SELECT one.due_at FROM turns AS one
            WHERE one.first_in = %(account)s AND one.priority = %(priority)s
            ORDER BY one.due_at DESC LIMIT 1)) AS round
    FROM sender
), due AS (
    SELECT person_id, CASE WHEN last IS NULL THEN CAST(%(account)s AS bigint) END AS first_in,
        greatest(clock + make_interval(secs => %(behind)s),
            CASE WHEN last IS NULL THEN round + step
            ELSE last + greatest(step, (round - clock) / weight) + interval '{BEHIND_FIRSTS}'
            END) AS due_at
    FROM share
)"""


def values_of(*, background: bool = False) -> Mapping[str, object]:
    """What `DUE` needs beside the statement's own values."""
    return {
        "step": STEP,
        "behind": BACKGROUND if background else 0.0,
        "priority": BACKGROUND_WORK if background else PERSON,
    }
