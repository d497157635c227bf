"""Preparing a database for the changelog: its roles, tables and functions; safe to repeat, at any time and by two at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from opskit.changelog.sql import statement, text
from opskit.changelog.upstream.postgres.address import read_address
from opskit.changelog.upstream.postgres.connecting import Connection, demand_driver
from opskit.changelog.upstream.postgres.waiting import busy
from opskit.errors import UpstreamError

if TYPE_CHECKING:
    import psycopg

# One entry a format: the files that lead to it from the one before.
FORMATS: tuple[tuple[str, ...], ...] = (("schema.sql", "proof.sql", "push.sql"),)
NEWEST = len(FORMATS)
OLDEST_SERVER = 130000
# From here on, CREATEROLE is about the roles that one made oneself, which one may lend to oneself.
ROLES_ARE_LENT = 160000
ROLES = {"opskit_owner", "opskit_read", "opskit_write", "opskit_relay"}
LIMIT_S = 60.0
WAIT_S = 10  # for another `init`, and for whoever holds a lock on purpose


class _Found(NamedTuple):
    """What a look at the database shows, and what the role that looks may do there."""

    role: str
    database: str
    has_schema: bool
    is_ours: bool
    server: int
    encoding: str
    may_create: bool
    is_superuser: bool
    may_make_roles: bool
    roles: list[str]
    everybody_connects: bool
    is_owner: bool | None
    not_to_lend: list[str]


def setup(
    url: str, *, timeout: float, host: str | None = None, port: int | None = None
) -> list[str]:
    """Prepare the database at `url`, as the role that it names, unless it is prepared; gives what to tell people.

    `timeout` are the seconds for connecting; `host` and `port` the near end of a tunnel. Raises UpstreamError.
    """
    demand_driver()
    address = read_address(url, host, port)
    connection = Connection(address, timeout=timeout)
    try:
        with connection.asking(LIMIT_S) as raw:
            found = _Found(*_row(raw, "look"))
            was = _version(raw, found)
            _demand_fit(address.name, found, was)
            if was < NEWEST:
                was = _prepared(address.name, raw, found)
            version, log, pos = _row(raw, "state")
    finally:
        connection.close()
    done = "was ready already" if was == NEWEST else f"is ready (format {was} before)"
    done = "is ready" if was == 0 else done
    return [f"{address.name} {done}: format {version}, log {log[:8]}, {pos} events", *_next(found)]


def _prepared(name: str, raw: psycopg.Connection[Any], found: _Found) -> int:
    """Do it; raises UpstreamError with who is in the way if the lock for it does not come in time."""
    from psycopg.errors import LockNotAvailable

    try:
        return _prepare(raw, found)
    except LockNotAvailable:
        raise busy(name, raw) from None


def _prepare(raw: psycopg.Connection[Any], found: _Found) -> int:
    """Do it, in one transaction; gives the format that was there before."""
    with raw.transaction():
        raw.execute(f"SET LOCAL lock_timeout = '{WAIT_S}s'".encode())
        raw.execute(_said("wait_for_others"))
        was = _version(raw, found._replace(is_ours=bool(_row(raw, "look")[3])))
        if was >= NEWEST:
            return was
        raw.execute(_script("roles.sql"))
        borrowed = not found.is_superuser and not _row(raw, "may_act_as_owner")[0]
        if borrowed:
            raw.execute("GRANT opskit_owner, opskit_read TO CURRENT_USER")
        if was == 0:
            raw.execute("CREATE SCHEMA opskit AUTHORIZATION opskit_owner")
        raw.execute("SET LOCAL ROLE opskit_owner")
        for files in FORMATS[was:]:
            for file in files:
                raw.execute(_script(file))
        raw.execute("RESET ROLE")
        if borrowed:
            raw.execute("REVOKE opskit_owner FROM CURRENT_USER")
    return was


def _version(raw: psycopg.Connection[Any], found: _Found) -> int:
    return int(_row(raw, "version")[0] or 0) if found.is_ours else 0


def _demand_fit(name: str, found: _Found, was: int) -> None:
    """Raise UpstreamError for a database that cannot be prepared, or not by this role."""
    if was > NEWEST:
        raise UpstreamError(
            f"{name} was prepared by a newer opskit (format {was}, known here: {NEWEST})",
            hint="upgrade opskit on this machine",
        )
    if was == NEWEST:
        return
    if found.server < OLDEST_SERVER:
        raise UpstreamError(
            f"{name} is PostgreSQL {found.server // 10000}", hint="13 or newer is needed"
        )
    if found.encoding != "UTF8":
        hint = (
            f"make one: CREATE DATABASE {found.database}_utf8 ENCODING 'UTF8' TEMPLATE template0;"
        )
        raise UpstreamError(f"{name} stores text as {found.encoding}, not as UTF8", hint=hint)
    if found.has_schema and not found.is_ours:
        raise UpstreamError(
            f"{name} has a schema opskit already, which opskit did not make",
            hint="take another database",
        )
    if lacks := _lacks(found):
        raise UpstreamError(
            f"{found.role} may not prepare {name}: it lacks {' and '.join(lacks)}",
            hint="opskit changelog init --as postgresql://<administrator>@...",
        )


def _lacks(found: _Found) -> list[str]:
    """Give what the role lacks to prepare the database, as an administrator grants it."""
    lacks = [] if found.may_create else [f"CREATE on the database {found.database}"]
    if not found.may_make_roles and not ROLES.issubset(found.roles):
        lacks.append("CREATEROLE")
    lends_any = found.may_make_roles and found.server < ROLES_ARE_LENT
    if found.not_to_lend and not found.is_owner and not lends_any:
        lacks.append(
            f"the ADMIN OPTION of {', '.join(found.not_to_lend)}, which another role made"
        )
    return lacks


def _next(found: _Found) -> list[str]:
    """Give the lines that an administrator runs for people."""
    connect = f" GRANT CONNECT ON DATABASE {_quoted(found.database)} TO ana;"
    more = "" if found.everybody_connects else connect
    return [
        "For each engineer, an administrator runs:",
        f"  CREATE ROLE ana LOGIN PASSWORD '...'; GRANT opskit_write TO ana;{more}",
        "For somebody who only reads:",
        f"  CREATE ROLE max LOGIN PASSWORD '...'; GRANT opskit_read TO max;{more.replace(' ana;', ' max;')}",
        "For somebody who may bring back what others wrote, with opskit changelog sync --relay:",
        "  GRANT opskit_relay TO ana;",
    ]


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _row(raw: psycopg.Connection[Any], name: str) -> tuple[Any, ...]:
    return tuple(raw.execute(_said(name), ()).fetchone() or (None,))


def _said(name: str) -> Any:
    return statement(name, "upstream/postgres/statements.sql")


def _script(file: str) -> bytes:
    return text(f"upstream/postgres/{file}").encode()
