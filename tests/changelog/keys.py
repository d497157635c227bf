"""Real SSH keys, certificates and agents, made by OpenSSH's own programs."""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.missing import missing
from tests.support.waiting import listens, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

# A FIDO token made of software, as OpenSSH's own tests use it; Debian's package openssh-tests has it there.
TOKEN = Path(os.environ.get("SK_DUMMY", "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so"))
LINE = ["-q", "-C", ""]


@dataclass(frozen=True)
class Keys:
    """Makes keys in a folder."""

    folder: Path

    def make(self, name: str, *kind: str, passphrase: str = "") -> Path:
        file = self.folder / name
        line = ["-t", *(kind or ("ed25519",)), "-N", passphrase, "-f", str(file)]
        run("ssh-keygen", *LINE, *line)
        return file

    def certify(self, authority: Path, key: Path, principals: str, validity: str) -> Path:
        """Make a certificate of a key; `validity` as for ssh-keygen -V, in UTC."""
        line = ["-s", str(authority), "-I", "id", "-n", principals, "-V", validity, f"{key}.pub"]
        run("ssh-keygen", "-q", *line)
        return key.with_name(f"{key.name}-cert.pub")


def plug_in_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have OpenSSH's programs find the token; skips where there is none."""
    if not TOKEN.exists():
        missing("a token made of software (Debian: openssh-tests)")
    monkeypatch.setenv("SSH_SK_PROVIDER", str(TOKEN))


def line(key: Path) -> str:
    """Give a public key as a line."""
    file = key if key.suffix == ".pub" else key.with_name(f"{key.name}.pub")
    return " ".join(file.read_text().split()[:2])


@contextlib.contextmanager
def agent(folder: Path) -> Iterator[Path]:
    """Start an agent and give its socket."""
    path = folder / "agent"
    command = ["ssh-agent", "-D", "-a", str(path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            until(lambda: listens(path), what="the agent to listen")
            yield path
        finally:
            process.terminate()


def add(socket: Path, key: Path, passphrase: str = "") -> None:
    """Give a key to an agent."""
    asking = key.with_name(f"{key.name}-asks")
    asking.write_text(f"#!/bin/sh\necho '{passphrase}'\n")
    asking.chmod(0o700)
    helped = {"SSH_ASKPASS": str(asking), "SSH_ASKPASS_REQUIRE": "force"}
    run("ssh-add", "-q", str(key), SSH_AUTH_SOCK=str(socket), **helped)


def run(*command: str, **environment: str) -> str:
    """Run a program that must succeed; gives what it said."""
    env = {**os.environ, "TZ": "UTC", **environment}
    done = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
