"""The outbound budget's terms, and the script that keeps it in Redis.

Per account as platforms count: so many calls in any window, each where it may have arrived. That is
between its grant and its answer, so one that was answered is moved there (`DONE`): however long
calls are on their way, no window on the platform's side holds more.

Per chat a generic cell rate algorithm: a time that each granted call moves on by an interval, and
that may lie at most a burst of intervals ahead. Around both:

- The last of each is kept for a reply's final edit.
- The edits of a growing reply are paced, so that the rest of the chat's rate gathers for posts and
  finals. With many active chats an account's rate leaves each chat fewer edits: where half of a
  window's calls are made, those of one chat are spread over `active chats / rate`.
- Who must wait for the account draws a ticket: finals first, then a reply's first text (a crowd is
  better served one after the other than by empty messages for all), then in the order of asking.
  Who would not wait draws none.
- What an emptied Redis does not know counts as spent.

`local_budget.py` is the same algorithm in Python, for a process without Redis; a test holds the two
together. Times are whole microseconds, which Lua's numbers and Python's agree on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from assistant.channel import Pace
from assistant.messages import ChatKind

SECOND = 1_000_000

CHAT_BURST = 3  # calls that a rested chat may make at once
KEPT = {"chat": 1, "account": 2}  # of a burst, and of a window's calls, for finals alone
SMALL = 4  # of a small window no more than such a part is kept
USABLE = 0.97  # of an account's calls: a few are made unasked, or by a process that died of it
LONGER = SECOND // 50  # than the platform's is our window: clocks differ
SPREAD = (5, 4)  # edits take four fifths of that; posts and finals find the rest
ACTIVE = 10 * SECOND  # a chat counts as active for so long after it was to ask again
AGAIN = 2 * SECOND  # who waits longer asks again by then: a crowd may have gone
PATIENCE = SECOND  # a ticket lapses when its chat is so late

CHAT_LIFE_MS = 3_600_000

# A reply's first text, a further edit while it grows, its last edit, a call that is made now or not
# at all, or any other.
Call = Literal["first", "edit", "final", "now", "other"]
# Tickets of a class lie below those of the next; no more than BAND of each are ever drawn.
BAND = 2**48
AHEAD: dict[Call, int] = {"final": 2 * BAND, "first": BAND}


@dataclass(frozen=True, slots=True)
class Terms:
    """The shortest time between two calls of a chat in the long run, of the account on average, and
    between two edits of a growing reply, in microseconds; and how many calls of the account a
    window of so many of its intervals may hold."""

    chat_interval: int
    account_interval: int
    edit_interval: int
    account_calls: int

    @property
    def window(self) -> int:
        return self.account_interval * self.account_calls

    @property
    def account_kept(self) -> int:
        return min(KEPT["account"], self.account_calls // SMALL)

    @staticmethod
    def of(pace: Pace, kind: ChatKind, share: float = 1.0) -> Terms:
        """`share` is the part of the account's rate that may be used."""
        private = kind == "private"
        seconds = pace.private_interval_seconds if private else pace.group_interval_seconds
        edits = pace.private_edit_seconds if private else pace.group_edit_seconds
        calls = max(math.floor(pace.account_calls * USABLE * share), 1)
        window = pace.account_seconds * SECOND + LONGER
        return Terms(
            math.ceil(seconds * SECOND),
            math.ceil(window / calls),
            math.ceil(edits * SECOND),
            calls,
        )


# KEYS: marker, penalty of the chat, penalty of the account, chat, account, active, queue, promised,
# the window's calls.
# ARGV: the chat's name; chat, account and edit interval, the account's calls; the call (see
# `Call`); the meter, which fields are named after; now (tests; else empty).
# Returns the microseconds to wait, 0 when granted and charged, -1 when Redis was emptied.
GRANT = f"""
local marker, chat, account, active, queue, promised, made =
    KEYS[1], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local name, interval, share, pace, calls =
    ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local first, edit, final = ARGV[6] == 'first', ARGV[6] == 'edit', ARGV[6] == 'final'
local waits = ARGV[6] ~= 'now'
local due, last, call, numbers =
    'due' .. ARGV[7], 'last' .. ARGV[7], 'call' .. ARGV[7], 'numbers' .. ARGV[7]
local window = share * calls
local band = final and -{AHEAD["final"]} or first and -{AHEAD["first"]} or 0
local now = tonumber(ARGV[8])
if not now then
    local clock = redis.call('TIME')
    now = clock[1] * {SECOND} + clock[2]
end
local function text(number) return string.format('%.0f', number) end
local function stored(key, field) return tonumber(redis.call('HGET', key, field) or 0) end

if redis.call('EXISTS', marker) == 0 then return -1 end
for i = 2, 3 do
    local closed = tonumber(redis.call('GET', KEYS[i]) or 0)
    if closed > now then return closed - now end
end

local born = stored(account, 'born')
local chat_due = math.max(stored(chat, due), born + interval * {CHAT_BURST}, now)

local function stay(wait)
    redis.call('ZADD', active, 'GT', text(now + math.min(wait, {AGAIN}) + {ACTIVE}), name)
    redis.call('PEXPIRE', active, {CHAT_LIFE_MS})
end
redis.call('ZREMRANGEBYSCORE', active, '-inf', text(now))
stay(0)

redis.call('ZREMRANGEBYSCORE', made, '-inf', text(now - window))
local taken = redis.call('ZCARD', made)
-- What is not known was spent, and comes back evenly.
local unknown = math.max(math.ceil((born + window - now) / share), 0)

local kept = final and 0 or {KEPT["chat"]}
local wait = chat_due + interval - now - interval * ({CHAT_BURST} - kept)
if edit then
    local spread = math.floor(redis.call('ZCARD', active) * share * {SPREAD[0]} / {SPREAD[1]})
    local busy = 2 * (taken + unknown) > calls
    if busy and spread > interval then pace = math.max(pace, spread) end
    wait = math.max(wait, stored(chat, last) + pace - now)
end
if wait > 0 then
    stay(wait)
    return wait
end

for _, late in ipairs(redis.call('ZRANGEBYSCORE', promised, '-inf', text(now))) do
    redis.call('ZREM', promised, late)
    redis.call('ZREM', queue, late)
end
local ticket = tonumber(redis.call('ZSCORE', queue, name) or nil)
local draws = not ticket or ticket >= band + {BAND}
local ahead
if draws then
    ahead = redis.call('ZCOUNT', queue, '-inf', text(band + {BAND} - 1))
else
    ahead = redis.call('ZRANK', queue, name)
end
kept = final and 0 or math.min({KEPT["account"]}, math.floor(calls / {SMALL}))
local over = taken + unknown + 1 + ahead - (calls - kept)  -- so many have to end before it
wait = 0
if over > 0 and over <= unknown then
    wait = born + window - share * (unknown - over) - now
elseif over > 0 then
    over = over - unknown
    local ends, further = now, math.max(over - taken, 0)
    if taken > 0 then
        local at = math.min(over, taken) - 1
        ends = redis.call('ZRANGE', made, at, at, 'WITHSCORES')[2] + window
    end
    wait = math.max(ends + share * further - now, 1)
end
if wait > 0 then
    if draws and waits then
        ticket = band + redis.call('HINCRBY', account, numbers, 1)
        redis.call('ZADD', queue, text(ticket), name)
        redis.call('PEXPIRE', queue, {CHAT_LIFE_MS})
    end
    if waits then
        redis.call('ZADD', promised, text(now + wait + {PATIENCE}), name)
        redis.call('PEXPIRE', promised, {CHAT_LIFE_MS})
    end
    stay(wait)
    return wait
end

redis.call('ZREM', queue, name)
redis.call('ZREM', promised, name)
redis.call('HSET', chat, due, text(chat_due + interval))
if first or edit then redis.call('HSET', chat, last, text(now)) end
local number = redis.call('HINCRBY', account, numbers, 1)
redis.call('HSET', chat, call, number)
redis.call('PEXPIRE', chat, {CHAT_LIFE_MS})
redis.call('ZADD', made, text(now), number)
redis.call('PEXPIRE', made, {CHAT_LIFE_MS})
return 0
"""
# A chat's last call was answered, so it has arrived by now; one that took longer than the window
# counts again.
# KEYS: chat, the window's calls. ARGV: the meter; now (tests; else empty).
DONE = f"""
local number = redis.call('HGET', KEYS[1], 'call' .. ARGV[1])
if not number then return 0 end
local now = tonumber(ARGV[2])
if not now then
    local clock = redis.call('TIME')
    now = clock[1] * {SECOND} + clock[2]
end
redis.call('PEXPIRE', KEYS[2], '{CHAT_LIFE_MS}')
return redis.call('ZADD', KEYS[2], 'GT', string.format('%.0f', now), number)
"""
