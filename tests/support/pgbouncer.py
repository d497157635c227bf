"""A real PgBouncer for tests: before a test's server, on loopback, in transaction pooling mode, with passwords of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from tests.support.hosts import free_port
from tests.support.memory import short
from tests.support.missing import missing
from tests.support.postgres import as_nobody
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import Server

PASSWORD = "hunter2"
SETTINGS = """
[databases]
* = host=127.0.0.1 port={server_port} {forced}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 100
auth_type = scram-sha-256
auth_file = {users}
stats_users = stats
"""


@dataclass(frozen=True)
class Pooler:
    """A pooler that lets in who gives `PASSWORD`."""

    port: int
    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def url(self, role: str, database: str = "opskit", *, password: str = PASSWORD) -> str:
        who = f"{role}:{password}" if password else role
        return f"postgresql://{who}@127.0.0.1:{self.port}/{database}"

    def transactions(self, database: str = "opskit") -> int:
        """Give how many transactions it has carried to a database."""
        with psycopg.connect(self.url("stats", "pgbouncer"), autocommit=True) as connection:
            cursor = psycopg.ClientCursor(connection)
            rows = cursor.execute("SHOW STATS_TOTALS").fetchall()
            names = [column.name for column in cursor.description or ()]
        found = [dict(zip(names, row, strict=True)) for row in rows]
        return sum(row["xact_count"] for row in found if row["database"] == database)


@contextlib.contextmanager
def pooler(server: Server, *roles: str, size: int = 2, forced: str = "") -> Iterator[Pooler]:
    """Give a pooler with `size` connections for each of these roles; skips where there is none.

    With `forced`, all of them are that one role on the server.
    """
    program = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        missing("PgBouncer")
    with tempfile.TemporaryDirectory(prefix="pgbouncer-", dir=short()) as name:
        made = Pooler(free_port(), Path(name))
        process = _started([program, _configured(made, server, roles, size, forced)], made.log)
        try:
            until(lambda: _answers(made, process), what="PgBouncer to answer")
            yield made
        finally:
            process.kill()
            process.wait(60)


def _started(argv: list[str | Path], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as said:
        return subprocess.Popen(argv, stdout=said, stderr=said, **as_nobody())


def _configured(
    made: Pooler, server: Server, roles: tuple[str, ...], size: int, forced: str
) -> Path:
    """Write what PgBouncer reads, for its user; gives the main file."""
    users = made.folder / "users"
    users.write_text("".join(f'"{role}" "{PASSWORD}"\n' for role in (*roles, "stats")))
    file = made.folder / "pgbouncer.ini"
    file.write_text(
        SETTINGS.format(
            server_port=server.port,
            port=made.port,
            size=size,
            users=users,
            forced=f"user={forced}" if forced else "",
        )
    )
    made.folder.chmod(0o755)
    return file


def _answers(made: Pooler, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, made.log.read_text("utf-8", "replace")
    try:
        made.transactions()
    except psycopg.OperationalError:
        return False
    return True
