"""A project whose service is nothing but files, so that a deploy takes a moment and every host can be read.

A release is a file `version`, and `bad` in a version that is never healthy. A restart adds the version to
`restarts` in the host's home. A host is sick of the version that its home's file `sick` names, of all if "*".
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opskit.demo.shop.history import git
from tests.support.processes import freeze, send
from tests.support.project import Project
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

RESTART = 'cat version >>"$HOME/restarts"'
HEALTH = 's=$(cat "$HOME/sick" 2>/dev/null); test ! -e bad && case $s in "$(cat version)"|"*") false;; esac'
TIMES = 'within = "200ms", interval = "50ms", timeout = "5s"'
KEYS: Mapping[str, str | None] = {
    "restart": json.dumps(RESTART),
    "health": f"{{ command = {json.dumps(HEALTH)}, {TIMES} }}",
    "shared_folders": None,
    "env": None,
}


@dataclass(frozen=True)
class Light(Project):
    """`light.deploy("v1")`, then `light.live()` is what each host runs."""

    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(
        self, *arguments: object, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        self.started.append(super().start(*arguments, env=env))
        return self.started[-1]

    def end(self) -> None:
        """End what a failed test left running."""
        for process in self.started:
            process.kill()
            process.communicate()

    def configure(
        self, *, extra: str = "", require_why: bool = False, ssh: str = "", **keys: str | None
    ) -> None:
        """Write opskit.toml as a Project does; `ssh` are more lines of [ssh]."""
        super().configure(extra=extra, require_why=require_why, **{**KEYS, **keys})
        file = self.folder / "opskit.toml"
        file.write_text(file.read_text().replace("[ssh]\n", f"[ssh]\n{ssh}\n"))

    @contextlib.contextmanager
    def frozen(self, host: str) -> Iterator[None]:
        """Let a host hang for the block: its server and all its connections stand still."""
        pids = freeze(self.hosts.server(host))
        try:
            yield
        finally:
            send(pids, signal.SIGCONT)

    def commit(
        self,
        tag: str,
        *,
        good: bool = True,
        author: str = "ana",
        subject: str = "",
        files: Mapping[str, str] | None = None,
    ) -> str:
        """Commit and tag a version with these files; gives its hash."""
        (self.folder / "bad").unlink(missing_ok=True)
        wanted = {"version": f"{tag}\n", **({} if good else {"bad": ""}), **(files or {})}
        for name, content in wanted.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", f"--message={subject or tag}", author=author)
        git(self.folder, "tag", tag)
        return git(self.folder, "rev-parse", "HEAD").strip()

    def deploy(self, *arguments: object, expect: int | None = 0, **options: Any) -> Any:
        return self.opskit("deploy", "shop", *arguments, "--yes", expect=expect, **options)

    def rollback(self, *arguments: object, expect: int | None = 0, **options: Any) -> Any:
        return self.opskit("rollback", "shop", *arguments, "--yes", expect=expect, **options)

    def restart(self, *arguments: object, expect: int | None = 0, **options: Any) -> Any:
        return self.opskit("restart", "shop", *arguments, "--yes", expect=expect, **options)

    def place(self, host: str, *parts: str) -> Path:
        """Give a path inside the service's folder on a host."""
        return self.hosts.folder(host).joinpath("shop", *parts)

    def live(self) -> dict[str, str]:
        """Give the version that `current` holds on each of the four hosts, "" where there is none."""
        return {name: self.live_on(name) for name in self.hosts.names[:4]}

    def live_on(self, host: str) -> str:
        file = self.place(host, "current", "version")
        return file.read_text().strip() if file.exists() else ""

    def on_all(self, version: str) -> dict[str, str]:
        return dict.fromkeys(self.hosts.names[:4], version)

    def restarts(self, host: str) -> list[str]:
        file = self.hosts.folder(host) / "restarts"
        return file.read_text().split() if file.exists() else []

    def releases(self, host: str) -> list[str]:
        """Give the versions in the releases folder of a host, in the order in which they came."""
        folder, known = self.place(host, "releases"), self.place(host, ".opskit", "release")
        found = list(folder.iterdir()) if folder.is_dir() else []
        found.sort(key=lambda release: (known / release.name).stat().st_mtime_ns)
        return [(release / "version").read_text().strip() for release in found]

    def locks(self) -> list[str]:
        """Give the hosts that are locked."""
        return [name for name in self.hosts.names if any(self.place(name).glob(".opskit/locks/*"))]

    def make_sick(self, host: str, of: str = "*") -> None:
        (self.hosts.folder(host) / "sick").write_text(of)

    def tree(self) -> dict[str, str]:
        """Give every path on every host with what it holds, to compare before and after."""
        found = {}
        for name in self.hosts.names:
            for path in sorted(self.hosts.folder(name).rglob("*")):
                held = f"-> {path.readlink()}" if path.is_symlink() else ""
                if not held and path.is_file():
                    held = path.read_bytes().decode("latin-1")
                found[f"{name}:{path.relative_to(self.hosts.folder(name))}"] = held
        return found

    def log(self) -> list[Any]:
        """Give the rollouts of the changelog, newest first, as `opskit log --json` has them."""
        found: list[Any] = self.opskit("log", "--json").json["data"]["entries"]
        return found

    def last(self) -> Any:
        """Give the newest rollout, opened; its hosts by name."""
        record = self.log()[0]
        return {**record, "hosts": {host["name"]: host for host in record["hosts"]}}

    def outcomes(self) -> dict[str, str]:
        """Give what the changelog says came of each host in the newest rollout."""
        return {name: host["outcome"] for name, host in self.last()["hosts"].items()}


def finish(process: subprocess.Popen[str], *, within: float = 60.0) -> tuple[int, str, str]:
    """Wait for a run that was started; gives its exit code and both streams."""
    try:
        said, complained = process.communicate(timeout=within)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode, said, complained


def hear(process: subprocess.Popen[str], words: str, *, within: float = 60.0) -> str:
    """Wait until a run that was started says `words`; gives what it said. The rest is `finish`'s."""
    assert process.stdout
    heard, end = "", time.monotonic() + within
    decoder = codecs.getincrementaldecoder("utf-8")()  # a block may end amid a character
    while words not in heard:
        ready, _, _ = select.select([process.stdout], [], [], max(0, end - time.monotonic()))
        assert ready, f"not within {within:g} s: {words!r} in {heard!r}"
        block = os.read(process.stdout.fileno(), 65536)
        assert block, f"it ended without {words!r}: {heard!r}"
        heard += decoder.decode(block)
    return heard


def interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> None:
    process.send_signal(number)


def wait_for_file(file: Path, *, within: float = 60.0) -> None:
    until(file.exists, within=within, what=str(file))
