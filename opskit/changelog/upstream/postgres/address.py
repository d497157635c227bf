"""The address of a database: what libpq makes of it, the way through a tunnel, and the password that is never shown."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opskit.changelog.files import read_small
from opskit.errors import UpstreamError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is: its `name` for people, and libpq's parameters, which may hold a password.

    `user` is the role that logs in, `entry` the line of ~/.pgpass for it, without the password.
    """

    name: str
    parameters: Mapping[str, Any] = field(repr=False)
    user: str = ""
    entry: str = ""

    def without_secrets(self, text: str) -> str:
        """Give a text without the password, if that stands in it."""
        password = self.parameters.get("password")
        return text.replace(password, "[redacted]") if password else text


def read_address(url: str, host: str | None = None, port: int | None = None) -> Address:
    """Read `postgresql://user@host:port/database?...`; `host` and `port` are the near end of a tunnel to it.

    Raises UpstreamError. Through a tunnel, certificates and ~/.pgpass are still those of the host that the address names.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = urlsplit(url)
        given: dict[str, Any] = dict(conninfo_to_dict(url))
        shown = parts.netloc.rpartition("@")
        user = shown[0].partition(":")[0]
        netloc = f"{user}@{shown[2]}" if user else shown[2]
    except (ProgrammingError, ValueError):
        raise UpstreamError(
            "the address of the database cannot be read",
            hint="write it like postgresql://ana@db.example.com/opskit",
        ) from None
    name = f"postgresql://{netloc}{parts.path}"
    wanted = _wanted(given)
    if host is not None:
        given |= _through(given, host, port)
    entry = ":".join(re.sub(r"([\\:])", r"\\\1", each) for each in wanted)
    return Address(name, given, wanted[-1], f"{entry}:PASSWORD")


def far_end(url: str) -> tuple[str, int]:
    """Give (host, port) of the server as the host before it sees it, or (path, 0) of its Unix socket; raises UpstreamError."""
    address = read_address(url)
    host = str(address.parameters.get("host") or "localhost")
    try:
        port = int(address.parameters.get("port") or 5432)
    except ValueError:
        raise UpstreamError(
            f"{address.name} names no single port", hint="through a host, there is one way only"
        ) from None
    return (f"{host}/.s.PGSQL.{port}", 0) if host.startswith("/") else (host, port)


def demands_tls(url: str) -> bool:
    """Tell whether an address, or PGSSLMODE, wants TLS or nothing; raises UpstreamError.

    libpq does TLS by TCP only: through a Unix socket it leaves it out and does not say so.
    """
    given = read_address(url).parameters
    if str(given.get("host")).startswith("/"):
        return False
    mode = given.get("sslmode") or os.environ.get("PGSSLMODE", "")
    root = given.get("sslrootcert") or os.environ.get("PGSSLROOTCERT", "")
    return mode in ("require", "verify-ca", "verify-full") or root == "system"


def _through(given: Mapping[str, Any], host: str, port: int | None) -> dict[str, Any]:
    """Give the parameters that lead through a tunnel instead of directly."""
    found: dict[str, Any] = {"port": port} if port else {}
    password = given.get("password") or os.environ.get("PGPASSWORD") or password_of(given)
    if password:
        found["password"] = password
    far = str(given.get("host") or "")
    if far and not far.startswith(("/", "@")) and _is_ip(host):
        return {**found, "hostaddr": host}
    return {**found, "host": host}


def password_of(given: Mapping[str, Any]) -> str | None:
    """Find a database's password in ~/.pgpass, as libpq does for one that it connects to directly.

    The format is PostgreSQL's (https://www.postgresql.org/docs/current/libpq-pgpass.html): lines of
    host:port:database:user:password, `*` for any, backslashes before colons and backslashes.
    """
    file = Path(given.get("passfile") or os.environ.get("PGPASSFILE") or Path.home() / ".pgpass")
    wanted = _wanted(given)
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if file.stat().st_mode & 0o077:
            return None  # as libpq: a file that others can read is not used
        for line in read_small(file).decode("utf-8").splitlines():
            fields = [re.sub(r"\\(.)", r"\1", each) for each in _fields(line)]
            if len(fields) == 5 and all(
                raw == "*" or value == asked
                for raw, value, asked in zip(_fields(line), fields, wanted, strict=False)
            ):
                return fields[4]
    return None


def _wanted(given: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Give host, port, database and role as libpq looks for them in ~/.pgpass."""
    user = str(given.get("user") or os.environ.get("PGUSER") or _login())
    return (
        str(given.get("host") or os.environ.get("PGHOST") or "localhost"),
        str(given.get("port") or os.environ.get("PGPORT") or "5432"),
        str(given.get("dbname") or os.environ.get("PGDATABASE") or user),
        user,
    )


def _fields(line: str) -> list[str]:
    if line.startswith("#"):
        return []
    return re.findall(r"(?:^|:)((?:[^:\\]|\\.)*)", line)


def _login() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
