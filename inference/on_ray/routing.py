"""Which replica a prompt goes to: the one that has its beginning in its prefix cache.

Ray Serve's consistent-hash router sends what has one key to one replica, to the next one where that
is full, and moves only a dead replica's keys. The key is the prompt's beginning, up to the first
thing that a person said: the same in each turn of a conversation while its history fits, and in
each request of a program that sends its history along. (Serve's other one for language models,
`PrefixCacheAffinityRouter`, compares whole prompts in one more actor, by calls that block.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from inference.api import ChatMessage

ROUTER = "ray.serve.experimental.consistent_hash_router.ConsistentHashRouter"


def beginning_key(messages: Sequence[ChatMessage]) -> str:
    """Names how a prompt begins. Says nothing of its text: Serve writes keys into logs."""
    digest = hashlib.sha256()
    for message in messages:
        for part in (message.role, message.content):
            digest.update(f"{len(part)}:{part}".encode())
        for image in message.images:
            digest.update(hashlib.sha256(image.data).digest())
        if message.role == "user":
            break
    return digest.hexdigest()
