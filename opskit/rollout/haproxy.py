"""HAProxy's runtime socket: what is said to it, as text, and what it answers, read by the names of columns. Pure.

A command that did something answers with an empty line, one that did not with a sentence, and neither with an exit code. A server that is
drained and fails its check is shown as DOWN: whether somebody took it out tells only its administrative state.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DRAIN, READY, DOUBT = "state drain", "state ready", "health down"
"""What a server is told: to take no new work, to take it again, and that nothing is known of it until the next checks, as many as `rise` says."""
MAINT_BITS, DRAIN_BITS = 1 | 2 | 4 | 32, 8 | 16
UP, OUT, MAINT, DOWN, UNCHECKED = "UP", "DRAIN", "MAINT", "DOWN", "no check"
MOST = 4 * 1024 * 1024
"""Bytes of an answer that are read: a thousand servers take less than 1 MiB."""
MOST_SERVERS = 10_000
CHECKED, ENABLED, PAUSED = 2, 4, 8  # bits of the state of a server's check
UNDER_WAY = 1
MOST_NUMBER = 10**12
TOGETHER = 100  # commands in one line, which HAProxy bounds at 16 KiB
NO_SOCKET, NO_RIGHT, NO_TOOL = 66, 77, 69


@dataclass(frozen=True, slots=True)
class Server:
    """One server of a backend: `sessions` of now, `since` the seconds that it has been so, `check` its last check's result.

    `admin` are the bits of its administrative state, `status` is what HAProxy shows. `checking` are the bits of how it is checked, and `held` counts the
    checks that held lately, up to what HAProxy wants of them. `most` is how many sessions it may have, 0 if that is not bounded.
    """

    name: str
    status: str
    admin: int = 0
    sessions: int = 0
    weight: int = 1
    active: bool = True
    check: str = ""
    since: int = 0
    checking: int = 0
    held: int = 0
    most: int = 0

    @property
    def is_checked(self) -> bool:
        """Whether HAProxy itself checks it: not if it has no check, follows the state of another server, or if somebody has stopped its checks."""
        return self.checking & (CHECKED | ENABLED | PAUSED) == CHECKED | ENABLED

    @property
    def is_being_checked(self) -> bool:
        """Whether a check of it is under way."""
        return bool(self.checking & UNDER_WAY)

    @property
    def is_out(self) -> bool:
        """Whether somebody took it out: it is drained, or in maintenance."""
        return bool(self.admin) or self.status.startswith((OUT, MAINT))

    @property
    def in_maintenance(self) -> bool:
        """Whether it is in maintenance, into which opskit never puts one."""
        return bool(self.admin & MAINT_BITS) or self.status.startswith(MAINT)

    @property
    def answers(self) -> bool:
        """Whether HAProxy's last check of it held, if it is checked; a drained one is checked, too."""
        return not self.status.startswith(DOWN) and (not self.check or "OK" in self.check)

    @property
    def is_well(self) -> bool:
        """Whether HAProxy sends it work, or would if its weight were not 0."""
        return not self.is_out and self.status.startswith((UP, UNCHECKED))

    @property
    def serves(self) -> bool:
        """Whether it takes its part of the load now."""
        return self.is_well and self.active and self.weight > 0

    @property
    def word(self) -> str:
        """Say how it is: `UP`, `DRAIN`, `MAINT`, `DOWN`, `no check`, or two of these where both are so."""
        out = OUT if self.admin & DRAIN_BITS else ""
        out = MAINT if self.admin & MAINT_BITS else out
        if not out or self.status.startswith(out):
            return self.status
        return f"{out}, {self.status}" if self.status.startswith(DOWN) else out


@dataclass(frozen=True, slots=True)
class Backend:
    """One backend: its servers by name, and its own row, where the requests wait that no server has yet; `waited` in milliseconds."""

    name: str
    servers: Mapping[str, Server]
    status: str = ""
    sessions: int = 0
    queue: int = 0
    most_queued: int = 0
    waited: int = 0


def look(backends: Sequence[str]) -> str:
    """Ask for the state of backends and their servers."""
    asked = (f"show stat {name} 6 -1;show servers state {name}" for name in backends)
    return ";".join(asked) + "\n"


def look_at_all() -> str:
    """Ask for the servers of all backends, also of those that nobody named to opskit."""
    return "show stat -1 4 -1\n"


def read_tracked(answer: str) -> dict[tuple[str, str], tuple[str, str]]:
    """Read from the answer to `look_at_all` which servers follow the state of others; each is a backend, and a server of it."""
    found = {}
    for row in _rows(answer)[0]:
        backend, slash, server = row.get("tracked", "").partition("/")
        if slash:
            found[row.get("pxname", ""), row.get("svname", "")] = backend, server
    return found


def set_servers(backend: str, servers: Iterable[str], told: str) -> tuple[str, ...]:
    """Tell servers to drain, to be ready, or to be in doubt: as few lines as HAProxy takes."""
    return _lines(f"set server {backend}/{server} {told}" for server in servers)


def wake(backend: Backend, servers: Iterable[str]) -> tuple[str, ...]:
    """Have servers take their part of what waits in a backend, by saying again how many sessions they may have.

    A server that drained and is ready gets none of it otherwise, nor anything new, for as long as anything waits (seen with HAProxy 2.6.12).
    """
    known = (backend.servers[name] for name in servers if name in backend.servers)
    told = (f"set maxconn server {backend.name}/{s.name} {s.most}" for s in known if s.most)
    return _lines(told) if backend.queue else ()


def _lines(commands: Iterable[str]) -> tuple[str, ...]:
    said = tuple(commands)
    return tuple(
        ";".join(said[start : start + TOGETHER]) + "\n" for start in range(0, len(said), TOGETHER)
    )


def complaint(answer: str) -> str:
    """Give what HAProxy said instead of nothing, in one line; "" if it did what it was told."""
    return " ".join(answer.split())[:300]


def read(answer: str) -> dict[str, Backend]:
    """Read the answer to `look`: every backend that it tells of, by name. What is missing or odd there is left out."""
    rows, states = _rows(answer)
    servers: dict[str, dict[str, Server]] = {}
    totals: dict[str, Mapping[str, str]] = {}
    for row in rows[:MOST_SERVERS]:
        backend, name = row.get("pxname", ""), row.get("svname", "")
        if name == "BACKEND":
            totals[backend] = row
        elif name != "FRONTEND":
            state = states.get((backend, name), {})
            servers.setdefault(backend, {})[name] = _server(row, state)
    return {name: _backend(row, servers.get(name, {})) for name, row in totals.items()}


def _rows(answer: str) -> tuple[list[dict[str, str]], dict[tuple[str, str], dict[str, str]]]:
    """Give the rows of `show stat`, and those of `show servers state` by backend and name."""
    rows: list[dict[str, str]] = []
    states: dict[tuple[str, str], dict[str, str]] = {}
    head, mark = [""], ""
    for line in answer.split("\n"):
        if line.startswith("# "):
            mark = "," if line.startswith("# pxname") else " "
            head = line[2:].split(mark)
        elif not line.strip() or not mark:
            mark = mark if line.strip() else ""
        elif mark == ",":
            rows.append(dict(zip(head, line.split(","), strict=False)))
        else:
            row = dict(zip(head, line.split(" "), strict=False))
            states[row.get("be_name", ""), row.get("srv_name", "")] = row
    return rows, states


def _server(row: Mapping[str, str], state: Mapping[str, str]) -> Server:
    return Server(
        name=row.get("svname", ""),
        status=row.get("status", ""),
        admin=number(state.get("srv_admin_state", "")),
        sessions=number(row.get("scur", "")),
        weight=number(row.get("weight", "")),
        active=row.get("act", "") == "1",
        check=row.get("check_status", ""),
        since=number(row.get("lastchg", "")),
        checking=number(state.get("srv_check_state", "")),
        held=number(state.get("srv_check_health", "")),
        most=number(row.get("slim", "")),
    )


def _backend(row: Mapping[str, str], servers: Mapping[str, Server]) -> Backend:
    return Backend(
        name=row.get("pxname", ""),
        servers=servers,
        status=row.get("status", ""),
        sessions=number(row.get("scur", "")),
        queue=number(row.get("qcur", "")),
        most_queued=number(row.get("qmax", "")),
        waited=number(row.get("qtime", "")),
    )


def number(text: str) -> int:
    """Read a count; what is none is 0."""
    if not (text.isascii() and text.isdigit() and len(text) < len(str(MOST_NUMBER))):
        return 0
    return int(text)


def by_command(socket: str, said: str) -> str:
    """Give the sh script that says something to a socket and prints the answer, with whatever tool the host has."""
    path = shlex.quote(socket)
    python = (
        "import socket,sys;s=socket.socket(socket.AF_UNIX);s.settimeout(15);s.connect(sys.argv[1]);"
        "s.sendall(sys.stdin.buffer.read());f=s.makefile('rb');sys.stdout.buffer.write(f.read())"
    )
    perl = 'my $s=IO::Socket::UNIX->new(Peer=>shift) or die "$!\\n"; print $s <STDIN>; print while <$s>'
    return "\n".join(
        (
            f"s={path}; printf %s {shlex.quote(said)} | {{",
            f'[ -S "$s" ] || {{ echo "there is no socket $s" >&2; exit {NO_SOCKET}; }}',
            f'[ -w "$s" ] || {{ echo "$(id -un) may not open $s" >&2; exit {NO_RIGHT}; }}',
            "has() { command -v \"$1\" >/dev/null 2>&1; }",
            'if has socat; then exec socat -t 15 - "UNIX-CONNECT:$s"; fi',
            f'if has python3; then exec python3 -c {shlex.quote(python)} "$s"; fi',
            f'if has perl && perl -MIO::Socket::UNIX -e 1 2>/dev/null; then exec perl -MIO::Socket::UNIX -e {shlex.quote(perl)} "$s"; fi',
            "if has nc && nc -h 2>&1 | grep -q -e ' -U\\b' -e '-[A-Za-z0-9]*U'; then exec nc -U \"$s\"; fi",
            f'echo "none of socat, python3, perl and nc with -U is here" >&2; exit {NO_TOOL}; }}',
        )
    )  # fmt: skip
