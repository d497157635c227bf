"""The scripts for hosts, run for real on this machine by each POSIX shell that is installed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from opskit.rollout import incoming, layout, lockfile
from opskit.rollout.artifact import Artifact, look_at
from opskit.rollout.pack import pack
from opskit.rollout.probe import HostState, read_probe

KNOWN = {
    "sh": ["/bin/sh"],
    "dash": ["dash"],
    "bash": ["bash", "--posix"],
    "busybox": ["busybox", "sh"],
}
SHELLS = {name: argv for name, argv in KNOWN.items() if shutil.which(argv[0])}
TOOLS = Path(shutil.which("readlink") or "/bin/readlink").parent
NASTY = 'it\'s $(touch owned) `touch owned` "x" \\ ;touch owned; *~'


def revision(release: str) -> str:
    """Give the revision that a release of a test is of."""
    return hashlib.sha1(release.encode()).hexdigest()


@dataclass(frozen=True)
class Place:
    """A service's path on this machine, and the shell that runs the scripts there."""

    home: Path
    shell: list[str]
    name: str = "shop"

    @property
    def path(self) -> str:
        return f"~/{self.name}"

    @property
    def root(self) -> Path:
        return self.home / self.name

    @property
    def opskit(self) -> Path:
        return self.root / ".opskit"

    def guard(self, rollout: str = "run1") -> str:
        return layout.guard(self.path, rollout=rollout, seconds=900)

    def run(
        self, script: str, *, input: bytes = b"", expect: int | None = 0, path: Path | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a script; `path` is a folder of programs to be found before all others."""
        done = subprocess.run(
            [*self.shell, "-c", script], input=input, capture_output=True, check=False,
            cwd=self.home, env=self.environment(path),
        )  # fmt: skip
        assert expect in (None, done.returncode), (script, done)
        return done

    def start(self, script: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self.shell, "-c", script], stdout=subprocess.PIPE, cwd=self.home, env=self.environment()
        )  # fmt: skip

    def environment(self, path: Path | None = None) -> dict[str, str]:
        known = os.environ["PATH"]
        return {"HOME": str(self.home), "PATH": f"{path}:{known}" if path else known}

    def lock(self, rollout: str = "run1", *, seconds: int = 900) -> str:
        """Take the lock, and give what the host says of it."""
        script = lockfile.lock(
            self.path, rollout=rollout, actor="ana", action="deploy", seconds=seconds
        )
        return self.run(script).stdout.decode().strip()

    def unlock(self, rollout: str) -> None:
        self.run(lockfile.unlock(self.path, rollout=rollout))

    def write_lock(self, rollout: str, *, left: int) -> Path:
        """Put a lock there that ends in `left` seconds."""
        lock = self.opskit / "locks" / rollout
        lock.parent.mkdir(parents=True, exist_ok=True)
        now = int(time.time())
        lock.symlink_to(f"v1:{rollout}:ana:{now - 900}:{now + left}:deploy")
        return lock

    def locks(self) -> list[str]:
        return sorted(lock.name for lock in (self.opskit / "locks").iterdir())

    def stage(
        self, files: dict[str, str], release: str = "R1", *,
        folders: tuple[str, ...] = (), shared: tuple[str, ...] = (), expect: int = 0,
    ) -> subprocess.CompletedProcess[bytes]:  # fmt: skip
        """Pack files and bring them in as a release, under the lock of run1."""
        self.lock()
        tree = self.home / f"tree-{release}"
        for name, text in files.items():
            file = tree / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        tree.mkdir(exist_ok=True)
        return self.send(tree, release, folders=folders, shared=shared, expect=expect)

    def send(
        self, tree: Path, release: str, *,
        folders: tuple[str, ...] = (), shared: tuple[str, ...] = (), expect: int = 0,
    ) -> subprocess.CompletedProcess[bytes]:  # fmt: skip
        artifact = look_at(tree, info={"revision": revision(release)})
        files, whole = frozenset(artifact.files), artifact.manifest.data
        parcel = pack(artifact, files, to=self.home / "parcel", manifest=whole)
        script = incoming.stage(
            self.guard(), self.expected(artifact, release), folders=folders, files=shared
        )
        done = self.run(script, input=b"".join(parcel.chunks()), expect=expect)
        shutil.rmtree(tree)
        return done

    def expected(
        self, artifact: Artifact, release: str, base: str = "", rollout: str = "run1"
    ) -> incoming.Expected:
        """Say what the host is to make of an artifact."""
        return incoming.Expected(
            release,
            artifact.content,
            rollout,
            manifest=artifact.manifest.digest,
            folders=len(artifact.folders) + 1,
            room=artifact.room,
            base=base,
        )

    def switch(self, release: str, *, expect: int = 0) -> None:
        script = layout.switch(self.guard(), release=release, rollout="run1", receipt="{}")
        self.run(script, expect=expect)

    def probe(self) -> HostState:
        return read_probe("here", self.run(layout.probe(self.path)).stdout.decode())
