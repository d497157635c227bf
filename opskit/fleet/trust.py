"""New host keys for a host that was replaced, given by whoever made the new machine: they take the place of the old ones."""

from __future__ import annotations

import base64
import binascii
import itertools
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING

from opskit.errors import ConfigError, HostKeyError
from opskit.fleet.hostkeys import DEFAULT_FILE, fingerprint, key_type, known_name

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.fleet.inventory import Host

TIMEOUT = 20.0
_one_at_a_time = threading.Lock()  # ssh-keygen writes the whole file anew


def demand_possible() -> None:
    """Raise ConfigError if this machine could not let new keys take the place of old ones."""
    if shutil.which("ssh-keygen") is None:
        raise ConfigError(
            "there is no ssh-keygen on this machine, which takes the host keys of a machine that is gone out of known_hosts",
            hint="install the client of OpenSSH",
        )


def replace_keys(host: Host, given: str) -> tuple[str, ...]:
    """Let only these keys count for `host`; gives them for people: `ssh-ed25519 SHA256:…`.

    `given` are lines as in a host's ssh_host_*_key.pub, or as in known_hosts; without any, nothing changes. Raises
    HostKeyError if one of them is no key, or known_hosts cannot be written.
    """
    keys = [_key(host, line) for line in given.splitlines() if line.strip()]
    files = [file.expanduser() for file in host.known_hosts or (DEFAULT_FILE,)]
    name = known_name(host)
    lines = "".join(f"{name} {key_type(key)} {base64.b64encode(key).decode()}\n" for key in keys)
    if keys:
        with _one_at_a_time:
            for file in files:
                _forget(host, name, file)
            _append(host, files[0], lines)
    return tuple(f"{key_type(key)} {fingerprint(key)}" for key in keys)


def _key(host: Host, line: str) -> bytes:
    """Read a line: `TYPE KEY [COMMENT]`, or with names before that; raises HostKeyError."""
    words = line.split()
    for kind, word in itertools.pairwise(words[:3]):
        try:
            blob = base64.b64decode(word, validate=True)
        except (binascii.Error, ValueError):
            continue
        if key_type(blob) == kind:
            return blob
    raise HostKeyError(
        host.name,
        f"was given a host key that is none: {line[:80]!r}",
        hint="a line of $OPSKIT_HOST_KEYS is one of /etc/ssh/ssh_host_*_key.pub of the new machine",
    )


def _forget(host: Host, name: str, file: Path) -> None:
    """Take a host out of a file of known_hosts, its hashed names too; one that cannot be written keeps it.

    ssh-keygen puts another file in its place: in that of the file itself, not of a link to it.
    """
    if not file.exists():
        return
    try:
        subprocess.run(
            ["ssh-keygen", "-R", name, "-f", str(file.resolve())],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        what = error.strerror if isinstance(error, OSError) else f"no answer in {TIMEOUT:g} s"
        raise HostKeyError(
            host.name,
            f"its old host key cannot be taken out of {file}: ssh-keygen: {what}",
            hint=f"take it out by hand: ssh-keygen -R {name}; then add the new one",
        ) from None


def _append(host: Host, file: Path, lines: str) -> None:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        whole = not file.exists() or file.read_bytes()[-1:] in (b"", b"\n")
        with file.open("a", encoding="ascii") as known:
            known.write(lines if whole else f"\n{lines}")
    except OSError as error:
        raise HostKeyError(
            host.name, f"its new host key cannot be kept: {file}: {error.strerror}"
        ) from None
