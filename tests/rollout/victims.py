"""Runs of opskit that end themselves by SIGKILL at the n-th command for a host or the n-th event, before, amid or after it.

`python -m tests.rollout.victims` is a server: everything is imported once, and each run is a fork of it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOMENTS = ("before", "amid", "after")


@dataclass(frozen=True)
class Point:
    """Where a run dies: at call `number` (from 1), `amid` it after so many milliseconds; never at 0."""

    number: int = 0
    moment: str = "before"
    ms: float = 0.0


@dataclass(frozen=True)
class Ended:
    """A run that has ended: its exit code (-9 if it was killed), its calls, the events that it was told are durable."""

    code: int
    calls: int
    acknowledged: tuple[str, ...]
    said: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Server:
    """A process that forks runs; `run("deploy", "shop", "-y")` is one that lives to its end."""

    def __init__(self, folder: Path, cwd: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._cwd = cwd
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.rollout.victims"],
            cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *arguments: str, at: Point | None = None, **env: str) -> Ended:
        self.begin(*arguments, at=at, **env)
        return self.end()

    def begin(self, *arguments: str, at: Point | None = None, **env: str) -> None:
        """Start a run; `end` waits for it."""
        assert self._process.stdin
        point = at or Point()
        wanted = {
            "arguments": arguments, "cwd": str(self._cwd), "folder": str(self._folder), "env": env,
            "point": [point.number, point.moment, point.ms],
        }  # fmt: skip
        self._process.stdin.write(f"{json.dumps(wanted)}\n")
        self._process.stdin.flush()

    def end(self) -> Ended:
        assert self._process.stdout
        answer = json.loads(self._process.stdout.readline())
        lines = (self._folder / "calls").read_text().split()
        said = (self._folder / "said").read_text()
        acknowledged = tuple(line for line in lines if line != "call")
        return Ended(answer["code"], lines.count("call"), acknowledged, said)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Hook:
    """Counts calls, writes them down, and kills the process at one of them."""

    def __init__(self, folder: str, point: Point) -> None:
        self._file = os.open(Path(folder) / "calls", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._point = point
        self._count = 0
        self._lock = threading.Lock()

    def around(self, real: Callable[..., Any], name: Callable[[Any], str]) -> Callable[..., Any]:
        def hooked(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                self._count += 1
                mine = self._count == self._point.number
                os.write(self._file, b"call\n")
            if mine and self._point.moment == "before":
                die()
            if mine and self._point.moment == "amid":
                threading.Thread(target=self._die_soon, daemon=True).start()
            value = real(*args, **kwargs)
            if named := name(value):
                os.write(self._file, f"{named}\n".encode())
            if mine and self._point.moment == "after":
                die()
            return value

        return hooked

    def _die_soon(self) -> None:
        time.sleep(self._point.ms / 1000)
        die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def child(wanted: Mapping[str, Any]) -> int:
    """Be opskit, with a hook in each command for a host and each event."""
    from opskit.changelog import Changelog
    from opskit.cli import boundary
    from opskit.fleet.remote import Remote

    said = os.open(Path(wanted["folder"]) / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (1, 2):
        os.dup2(said, stream)
    os.chdir(wanted["cwd"])
    os.environ.update(wanted["env"])
    sys.argv = ["opskit", *wanted["arguments"]]
    hook = Hook(wanted["folder"], Point(*wanted["point"]))
    Remote.execute = hook.around(Remote.execute, lambda _: "")  # type: ignore[method-assign]
    Remote.ask_socket = hook.around(Remote.ask_socket, lambda _: "")  # type: ignore[method-assign]
    Changelog.append = hook.around(Changelog.append, lambda event: event.hash.hex())  # type: ignore[method-assign]
    return boundary.run(wanted["arguments"])


def serve() -> None:
    from opskit.fleet.quickstart import import_paramiko

    import_paramiko()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os._exit(child(json.loads(line)))
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(json.dumps({"code": code}), flush=True)


if __name__ == "__main__":
    serve()
