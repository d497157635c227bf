"""The ids of rollouts and of runs: 10 characters that commit to the writer who began it, see `claims`."""

from __future__ import annotations

import functools

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def new_rollout_id() -> str:
    """Give an id that is bound to no writer, for a rollout that nothing is recorded of; else see the changelog's own."""
    import secrets

    return "".join(secrets.choice(CROCKFORD) for _ in range(10))


@functools.lru_cache(4096)
def id_of(writer: str, pick: str) -> str:
    """Give the id of a rollout that a writer (in hex) makes of a pick: 10 characters, easy to read out and to type."""
    return _id_of(b"opskit.rollout.v1", writer, pick)


@functools.lru_cache(4096)
def run_id_of(writer: str, pick: str) -> str:
    """Give the id of a run of a runbook that a writer (in hex) makes of a pick."""
    return _id_of(b"opskit.run.v1", writer, pick)


def _id_of(tag: bytes, writer: str, pick: str) -> str:
    import hashlib

    digest = hashlib.sha256(tag + bytes.fromhex(writer) + pick.encode()).digest()
    bits = int.from_bytes(digest[:7], "big") >> 6
    return "".join(CROCKFORD[bits >> shift & 31] for shift in range(45, -1, -5))
