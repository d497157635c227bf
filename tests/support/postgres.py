"""A real PostgreSQL for tests: started, killed, set back to an earlier state; on loopback and in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

# Durable as in real life, small as in a test.
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = '{folder}'
port = {port}
fsync = on
synchronous_commit = on
max_connections = 60
shared_buffers = 32MB
autovacuum = off
log_min_messages = fatal
"""


def binaries() -> Path | None:
    """Give the folder of PostgreSQL's programs, the newest there is; None without one."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def as_nobody() -> dict[str, Any]:
    """Give what makes a process run as somebody else than root, as PostgreSQL wants it."""
    return {"user": "nobody", "extra_groups": []} if os.getuid() == 0 else {}


@dataclass
class Server:
    """A database server with its folder; the superuser is `postgres`, everybody is trusted."""

    folder: Path
    programs: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    copies: int = field(default=0)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, role: str = "postgres", database: str = "opskit") -> str:
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def socket_url(self, role: str = "postgres", database: str = "opskit") -> str:
        return f"postgresql://{role}@/{database}?host={self.folder}&port={self.port}"

    def start(self) -> None:
        """Start it, on the port that it had, and wait until it takes connections."""
        self.port = self.port or free_port()
        settings = SETTINGS.format(folder=self.folder, port=self.port)
        (self.data / "postgresql.auto.conf").write_text(settings)
        log = (self.folder / "log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.data],
                stdout=log,
                stderr=log,
                start_new_session=True,
                **as_nobody(),
            )
        until(self._answers, within=30, what="PostgreSQL to answer")

    def stop(self) -> None:
        """Stop it in good order."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill every process of it at once, as a power cut would."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self._end(signal.SIGKILL)

    def copy(self) -> Path:
        """Give a copy of all data as it is now; the server is stopped for it."""
        self.stop()
        self.copies += 1
        copy = self.folder / f"copy-{self.copies}"
        shutil.copytree(self.data, copy)
        _give_away(copy)
        self.start()
        return copy

    def set_back(self, copy: Path) -> None:
        """Go back to a copy."""
        self.stop()
        shutil.rmtree(self.data)
        copy.rename(self.data)
        self.start()

    def sql(self, command: str, *, role: str = "postgres", database: str = "opskit") -> list[Any]:
        """Run SQL; gives rows, if there are any."""
        import psycopg

        with psycopg.connect(self.url(role, database), autocommit=True) as connection:
            cursor = connection.execute(command)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def new_database(self, name: str = "opskit") -> None:
        """Make an empty database, in the place of one of that name."""
        self.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', database="postgres")
        self.sql(f'CREATE DATABASE "{name}"', database="postgres")

    def engineer(self, name: str, *groups: str) -> str:
        """Make a role that may log in; gives its address."""
        with contextlib.suppress(Exception):
            self.sql(f'CREATE ROLE "{name}" LOGIN', database="postgres")
        for group in groups or ("opskit_write",):
            self.sql(f'GRANT {group} TO "{name}"')
        return self.url(name)

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url(database="postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(how)
            self.process.wait(30)
            self.process = None


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """Give a started server with an empty database `opskit`; skips where there is none, unless this is CI."""
    programs = binaries()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed")
        pytest.skip("PostgreSQL is not installed")
    # A socket's path may be 107 bytes long, and another user must get there.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        folder.chmod(0o755)
        _give_away(folder)
        made = Server(folder, programs)
        initdb = [
            programs / "initdb",
            "-D",
            made.data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-N",
            "-E",
            "UTF8",
        ]
        subprocess.run(
            [*initdb, "--locale=C"], check=True, capture_output=True, timeout=60, **as_nobody()
        )
        made.start()
        made.new_database()
        try:
            yield made
        finally:
            made.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """Give a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _give_away(folder: Path) -> None:
    if os.getuid() == 0:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, "nobody")
