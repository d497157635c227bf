"""Who is in the way when a lock did not come: an engineer's role can hold one for as long as it likes, and is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opskit.changelog.sql import statement
from opskit.changelog.upstream.postgres import answers
from opskit.errors import UpstreamError

if TYPE_CHECKING:
    import psycopg

MOST = answers.Limits(3, 4096)
HOLDER = (answers.number, answers.maybe(answers.role))


def busy(name: str, raw: psycopg.Connection[Any], writer: bytes | None = None) -> UpstreamError:
    """Give the error for a lock of the log that did not come in time, with who holds it, the surest first.

    `writer` is the one whose events, or proof, were on the way; None if the log was to be prepared. Raises psycopg's errors.
    """
    asked = "holders" if writer else "preparers"
    said: Any = statement(asked, "upstream/postgres/statements.sql")
    found = list(answers.rows(raw, said, {"writer": writer}, MOST))
    for row in found:
        answers.demand(name, row, HOLDER, "no list of who holds its log")
    if not found:
        return UpstreamError(f"{name} is busy: others held its log for too long", hint="try again")
    who = " and ".join(f"{user or 'somebody'} (process {pid})" for pid, user in found)
    ends = " ".join(f"SELECT pg_terminate_backend({pid});" for pid, _ in found)
    return UpstreamError(
        f"{name} is busy: {who} holds its log in an open transaction",
        hint=f"try again; an administrator ends it: {ends}",
    )
