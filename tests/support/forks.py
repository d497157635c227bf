"""Runs of opskit that spare the start of a Python: each is a fork of a process that has imported everything.

Such a run is a process of its own, with its streams, folder, environment and exit code; only what Python does
before `opskit.cli.main` was done once for all. `python -m tests.support.forks FD` is that process: the socket
FD brings what to run, and it ends with the socket. What a start itself does is `test_startup`'s to show.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import time
import traceback
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REPOSITORY = Path(__file__).parents[2]
LIBRARIES = ("fabric", "psycopg", "rich.live", "rich.table", "zoneinfo")
AT_START = ("PYTHON", "LC_", "LANG")  # what Python reads only as it starts
MOST_FILES = 4096
NETWORK = Path("/proc/thread-self/ns/net")  # what a test has put its thread into; see `routes`


def run(
    arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], input: str, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run `opskit ARGUMENTS` as `subprocess.run` would, with both streams captured as text."""
    end = time.monotonic() + timeout
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    stdin, stdout, stderr = (os.pipe() for _ in range(3))
    given = [stdin[0], stdout[1], stderr[1], theirs.fileno()]
    server = _server(_settings(env), str(NETWORK.readlink()))
    server.ask([list(arguments), str(cwd), dict(env)], given)
    for fd in (*given[:3], theirs.detach()):
        os.close(fd)
    readers = [Reader(stdout[0]), Reader(stderr[0])]
    with closing(ours):
        pid = int(ours.recv(32) or server.last_words())
        with suppress(BrokenPipeError), os.fdopen(stdin[1], "w") as words:
            words.write(input)
        for reader in readers:
            reader.join(max(0.0, end - time.monotonic()))
        if not select.select([ours], [], [], max(0.0, end - time.monotonic()))[0]:
            os.kill(pid, signal.SIGKILL)
            ours.recv(32)
            raise subprocess.TimeoutExpired(["opskit", *arguments], timeout)
        code = int(ours.recv(32))
    said, complained = (reader.text for reader in readers)
    return subprocess.CompletedProcess(["opskit", *arguments], code, said, complained)


class Reader(Thread):
    """Reads a stream to its end."""

    def __init__(self, fd: int) -> None:
        super().__init__(daemon=True)
        self._stream = os.fdopen(fd)
        self.text = ""
        self.start()

    def run(self) -> None:
        with self._stream:
            self.text = self._stream.read()


def _settings(env: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((k, v) for k, v in env.items() if k.startswith(AT_START)))


@cache
def _server(settings: tuple[tuple[str, str], ...], _network: str) -> Server:
    """Give the server for such runs: each network has its own, for a fork is in that of its parent."""
    return Server(dict(settings))


class Server:
    """The process that forks, with what Python reads as it starts."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._socket, theirs = socket.socketpair()
        self._lock = Lock()
        argv = [sys.executable, "-m", "tests.support.forks", str(theirs.fileno())]
        env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **settings}
        with theirs:
            self._process = subprocess.Popen(
                argv, cwd=REPOSITORY, env=env, pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
        atexit.register(self.close)

    def ask(self, wanted: list[Any], fds: list[int]) -> None:
        """Have it begin a run with these streams, and a socket for its process id and its exit code."""
        data = json.dumps(wanted).encode()
        with self._lock:
            socket.send_fds(self._socket, [len(data).to_bytes(4)], fds)
            self._socket.sendall(data)

    def last_words(self) -> str:
        raise AssertionError(self._process.communicate()[1].decode())

    def close(self) -> None:
        self._socket.close()
        self._process.communicate()


def serve(requests: socket.socket) -> None:
    """Fork what is asked for, and tell how each of them ended, until nobody can ask any more."""
    running: dict[int, tuple[int, socket.socket]] = {}
    poll = select.poll()
    poll.register(requests, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd in running:
                poll.unregister(fd)
                _tell_end(fd, *running.pop(fd))
                continue
            size, fds, _, _ = socket.recv_fds(requests, 4, 4)
            if not size:
                return
            data = requests.recv(int.from_bytes(size), socket.MSG_WAITALL)
            pid, asker = _begin(json.loads(data), fds)
            watch = os.pidfd_open(pid)
            running[watch] = pid, asker
            poll.register(watch, select.POLLIN)


def _tell_end(watch: int, pid: int, asker: socket.socket) -> None:
    os.close(watch)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with asker, suppress(OSError):
        asker.sendall(str(code).encode())


def _begin(wanted: list[Any], fds: list[int]) -> tuple[int, socket.socket]:
    pid = os.fork()
    if pid == 0:
        _be(*wanted, fds)
    asker = socket.socket(fileno=fds.pop())
    asker.sendall(str(pid).encode())
    for fd in fds:
        os.close(fd)
    return pid, asker


def _be(arguments: list[str], cwd: str, env: Mapping[str, str], fds: list[int]) -> None:
    """Be what `python -m opskit ARGUMENTS` is from its first line on."""
    from opskit.cli import main

    for stream, fd in enumerate(fds[:3]):
        os.dup2(fd, stream)
    os.closerange(3, MOST_FILES)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.path[0] = cwd
    sys.argv = [str(REPOSITORY / "opskit" / "__main__.py"), *arguments]
    try:
        main()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(70)


def import_everything() -> None:
    """Import what opskit has and what it takes, as a run of it would, and what it would import first first."""
    import opskit
    from opskit.fleet.quickstart import import_paramiko

    import_paramiko()
    for name in LIBRARIES:
        importlib.import_module(name)
    for module in pkgutil.walk_packages(opskit.__path__, "opskit."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


if __name__ == "__main__":
    import_everything()
    gc.collect()
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))
