"""What a database answers: read under limits, and its shape checked in one place. It is believed nothing, so not even its types."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from opskit.errors import UpstreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import psycopg

    Check = Callable[[Any], bool]

LARGEST_EVENT = 16 * 2**20 + 2**16
"""Bytes of the largest body that the push function takes, and of all else that belongs to an event."""
ROW = 512  # bytes of a row besides header and body
RESULTS = 16  # what a push may answer: one for each of its statements, and one for each row
YEAR_10000 = 253_402_300_800_000


class Limits(NamedTuple):
    """How much an answer may be: rows, and bytes in all of them."""

    rows: int
    size: int


ONE = Limits(1, LARGEST_EVENT)


def page(most: int, most_bytes: int) -> Limits:
    """Give the limits of a page that was asked for with these; its last event may be of any size."""
    return Limits(most, most_bytes + LARGEST_EVENT + most * ROW)


def rows(
    raw: psycopg.Connection[Any], question: Any, values: Any, limits: Limits
) -> Iterator[tuple[Any, ...]]:
    """Give the rows of an answer one by one as they come, so that no more of it is held than was asked for.

    Raises ValueError for more than the limits, and for what is none of PostgreSQL's values; the connection is of no use then.
    """
    import psycopg

    left = limits
    try:
        for row in raw.cursor().stream(question, values, binary=True):
            left = Limits(left.rows - 1, left.size - size_of(row))
            if min(left) < 0:
                raw.close()  # or psycopg would ask to cancel it, and read on until that is heard
                raise ValueError("more than was asked for")  # noqa: TRY301 - one place says it is of no use
            yield row
    except (psycopg.Error, GeneratorExit):
        raise
    # Each of psycopg's types fails in its own way at bytes that are none of it.
    except Exception as error:  # noqa: BLE001
        raw.close()
        raise ValueError(str(error)) from None


def answer_to(raw: psycopg.Connection[Any], message: bytes) -> tuple[Any, ...] | None:
    """Send statements as one message of the simple protocol, and give the values of the last row that they answer.

    Raises psycopg's errors; ValueError for more rows than there can be, the connection is of no use then.
    """
    from psycopg import errors, generators
    from psycopg.pq import ExecStatus

    raw.pgconn.send_query(message)
    raw.pgconn.set_single_row_mode()
    raw.wait(generators.send(raw.pgconn))
    row, wrong = None, None
    for _ in range(RESULTS):
        result = raw.wait(generators.fetch(raw.pgconn))
        if result is None and wrong is not None:
            raise wrong
        if result is None:
            return row
        if result.status == ExecStatus.FATAL_ERROR:
            wrong = errors.error_from_result(result, encoding=raw.info.encoding)
        elif result.ntuples:
            row = tuple(result.get_value(0, column) for column in range(result.nfields))
    raw.close()
    raise ValueError("more than was asked for")


def size_of(row: Sequence[Any]) -> int:
    """Give how many bytes are in a row."""
    return sum(len(value) for value in row if isinstance(value, (bytes, str)))


def demand(name: str, row: Sequence[Any], shape: Sequence[Check], what: str) -> None:
    """Raise UpstreamError with these words, of the database with this name, for a row that has not that shape."""
    if len(row) != len(shape) or not all(
        is_so(value) for is_so, value in zip(shape, row, strict=True)
    ):
        raise UpstreamError(
            f"{name} gives {what}", hint="is that database really the changelog's?"
        )


def number(value: object) -> bool:
    """Tell whether this is a number of an event, a place or the like."""
    return type(value) is int and 0 <= value < 2**53


def moment(value: object) -> bool:
    """Tell whether this is a time in milliseconds since 1970."""
    return type(value) is int and 0 <= value < YEAR_10000


def digest(value: object) -> bool:
    """Tell whether this is a SHA-256."""
    return type(value) is bytes and len(value) == 32


def data(value: object) -> bool:
    """Tell whether this is any bytes."""
    return type(value) is bytes


def role(value: object) -> bool:
    """Tell whether this is a name of PostgreSQL's, or none."""
    return type(value) is str and len(value) <= 63


def log(value: object) -> bool:
    """Tell whether this names a log."""
    return type(value) is str and re.fullmatch("[0-9a-f]{32}", value) is not None


def none(value: object) -> bool:
    """Tell whether this is NULL."""
    return value is None


def maybe(check: Check) -> Check:
    """Tell whether this is so, or NULL."""
    return lambda value: value is None or check(value)


GREETING = (number, log, number, moment, maybe(digest), maybe(digest), role)
EVENT = (digest, digest, number, data, data, data, maybe(data), maybe(data))
PLACE = (number, digest, digest, moment, role)
NEW = (*PLACE, digest, number, digest, *EVENT[3:])
KNOWN = (*PLACE, digest, number, *(none,) * 6)
