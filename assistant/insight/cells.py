"""Cells: what figures are counted by, and how they are counted from the turns themselves.

A cell is a day (of UTC), a channel, a persona and its version. A turn counts on the day on which it
ended. Its messages count once: a turn that replaces another one, after an edit or a retry, brings
none. A thumb counts on the day on which it was given. Experiments of admins count nowhere.

Each statement reads what lies in `since` <= moment < `until`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

# Asked by index for each: a day's turns are few beside all conversations.
_PLACED = """
CROSS JOIN LATERAL (
    SELECT channel FROM conversations JOIN accounts ON accounts.id = account_id
    WHERE conversations.id = turns.conversation_id OFFSET 0) AS placed
"""
# Turns of the time before personas were recorded are put down under a name that no persona has.
UNRECORDED = "?"
NAMES = f"""channel, coalesce(nullif(turns.persona, ''), '{UNRECORDED}') AS persona,
    coalesce(turns.persona_version, 0) AS persona_version"""
_NO_EXPERIMENT = "channel <> 'admin'"
ENDED = f"""FROM turns {_PLACED}
    WHERE finished_at >= %(since)s AND finished_at < %(until)s AND {_NO_EXPERIMENT}"""


_NEVER = datetime(1970, 1, 1, tzinfo=UTC)

# Of several cells together, as by GROUPING SETS: what stands for all channels, personas, versions.
ALL = "*"
ALL_VERSIONS = -1
COARSER = f"""
    CASE grouping(channel) WHEN 1 THEN '{ALL}' ELSE channel END AS channel,
    CASE grouping(persona) WHEN 1 THEN '{ALL}' ELSE persona END AS persona,
    CASE grouping(persona_version) WHEN 1 THEN {ALL_VERSIONS} ELSE persona_version END
        AS persona_version"""
# The rows that a choice needs (`Choice.values`): of all that was chosen, and of each group of it.
WANTED = f"""
    (channel = %(channel)s AND persona = %(persona)s AND persona_version = %(version)s
    OR CASE %(by)s
        WHEN 'channel' THEN %(channel)s = '{ALL}' AND channel <> '{ALL}'
            AND persona = %(persona)s AND persona_version = %(version)s
        WHEN 'persona' THEN channel = %(channel)s AND %(persona)s = '{ALL}'
            AND persona <> '{ALL}' AND persona_version = {ALL_VERSIONS}
        WHEN 'version' THEN channel = %(channel)s AND %(persona)s IN ('{ALL}', persona)
            AND %(version)s = {ALL_VERSIONS} AND persona_version <> {ALL_VERSIONS}
        ELSE false END)"""


def day_of(moment: str) -> str:
    return f"CAST({moment} AT TIME ZONE 'UTC' AS date) AS day"


def span(days: Sequence[date]) -> dict[str, object]:
    """The values for days that follow each other; for none, a span in which nothing lies."""
    if not days:
        return {"since": _NEVER, "until": _NEVER}
    return {"since": _begin(days[0]), "until": _begin(days[-1] + timedelta(days=1))}


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


# A request of the API repeats its conversation: one message of it is new.
_MESSAGES = """
CASE WHEN place <> turns.id THEN 0 WHEN channel = 'api' THEN 1
    ELSE (SELECT count(*) FROM turn_messages WHERE turn_id = turns.id) END
"""
COUNTS = (
    *("done", "stopped", "cancelled", "failed", "messages"),
    *("prompt_tokens", "cached_tokens", "output_tokens", "thumbs_up", "thumbs_down"),
)
# day, channel, persona, persona_version, and a column for each of COUNTS.
COUNTED = f"""
SELECT day, channel, persona, persona_version,
    {", ".join(f"CAST(sum({one}) AS bigint) AS {one}" for one in COUNTS)}
FROM (
    SELECT {day_of("finished_at")}, {NAMES}, CAST(state = 'done' AS int) AS done,
        CAST(state = 'stopped' AS int) AS stopped, CAST(state = 'cancelled' AS int) AS cancelled,
        CAST(state = 'failed' AS int) AS failed, {_MESSAGES} AS messages,
        prompt_tokens, cached_tokens, output_tokens, 0 AS thumbs_up, 0 AS thumbs_down {ENDED}
    UNION ALL
    SELECT {day_of("feedback.created_at")}, {NAMES}, 0, 0, 0, 0, 0, 0, 0, 0,
        CAST(value > 0 AS int), CAST(value < 0 AS int)
    FROM feedback JOIN turns ON turns.id = turn_id {_PLACED}
    WHERE feedback.created_at >= %(since)s AND feedback.created_at < %(until)s
        AND {_NO_EXPERIMENT}
) AS counted GROUP BY day, channel, persona, persona_version
"""

# Times are counted in buckets, each a tenth wider than the one before: so those of many days and
# cells can be added up, and a percentile of the sum is exact to its bucket, which is 5 in 100.
LEAST_SECONDS = 0.001
GROWTH = 1.1
_BUCKET = f"""CAST(floor(ln(greatest(CAST(extract(epoch FROM moment - created_at) AS float8),
    {LEAST_SECONDS}) / {LEAST_SECONDS}) / ln(CAST({GROWTH} AS float8))) AS int)"""
# A turn has it from its first checkpoint, up to a second late; a trace to the moment.
_TRACED = "(SELECT min(traces.first_token_at) FROM traces WHERE traces.turn_id = turns.id)"
# day, channel, persona, persona_version, measure, bucket, turns: answers, since the message came;
# of each cell, and of coarser ones.
TIMED = f"""
SELECT day, {COARSER}, measure, bucket, CAST(count(*) AS int) AS turns
FROM (
    SELECT day, channel, persona, persona_version, measure, {_BUCKET} AS bucket
    FROM (
        SELECT {day_of("finished_at")}, {NAMES}, turns.created_at, shown_at,
            least(first_token_at, {_TRACED}) AS first_token_at,
            CASE state WHEN 'done' THEN finished_at END AS ended_at
        {ENDED} AND state IN ('done', 'stopped')
    ) AS answered CROSS JOIN LATERAL (VALUES
        ('first_token', first_token_at), ('first_visible', shown_at), ('whole', ended_at)
    ) AS moments (measure, moment)
    WHERE moment IS NOT NULL
) AS timed GROUP BY GROUPING SETS (
    (day, measure, bucket), (day, channel, measure, bucket),
    (day, persona, measure, bucket), (day, persona, persona_version, measure, bucket),
    (day, channel, persona, measure, bucket),
    (day, channel, persona, persona_version, measure, bucket))
"""
