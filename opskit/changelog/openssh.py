"""OpenSSH's own programs, run where they find nobody to ask, and what they tell of public keys."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import signal
import subprocess
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from opskit.changelog.files import read_small
from opskit.errors import AttestationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PATIENCE = 20.0  # seconds: somebody may have to touch a token
AGENT_PATIENCE = 5.0

_OLD = re.compile(r"unknown option|illegal option|Unsupported operation|Invalid option")


class Said(NamedTuple):
    """How a program ended, and what it said."""

    code: int
    output: str
    errors: str


def ssh_keygen(
    arguments: Sequence[str],
    *,
    stdin: bytes | None = None,
    folder: Path | None = None,
    patience: float = PATIENCE,
    what: str = "ssh-keygen",
) -> Said:
    """Run ssh-keygen with so many seconds of patience; `what` names it in the error if it takes longer.

    Raises AttestationError if there is none, or one from before OpenSSH 8.7.
    """
    try:
        said = _run(("ssh-keygen", *arguments), stdin=stdin, folder=folder, patience=patience)
    except FileNotFoundError:
        raise AttestationError(
            "there is no ssh-keygen on this machine", hint="install OpenSSH's client programs"
        ) from None
    except subprocess.TimeoutExpired:
        hint = "touch the token, or confirm it when the agent asks; is the agent alive? ssh-add -l"
        raise AttestationError(f"{what} did not answer within {patience:g} s", hint=hint) from None
    if said.code != 0 and _OLD.search(said.errors):
        raise AttestationError("ssh-keygen is too old", hint="install OpenSSH 8.7 or newer")
    return said


def _run(
    command: Sequence[str],
    *,
    stdin: bytes | None = None,
    folder: Path | None = None,
    patience: float,
) -> Said:
    """Run a program that finds nobody to ask: no terminal, no window, and nothing left of it afterwards."""
    with _started(command, folder=folder, fed=stdin is not None) as process:
        output, errors = process.communicate(stdin, timeout=patience)
    return Said(
        process.returncode, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace")
    )


@contextlib.contextmanager
def _started(
    command: Sequence[str], *, folder: Path | None, fed: bool
) -> Iterator[subprocess.Popen[bytes]]:
    quiet = {"SSH_ASKPASS_REQUIRE": "never", "TZ": "UTC", "LC_ALL": "C"}
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **quiet},
        stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            yield process
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise


def agent_keys() -> list[str]:
    """Give the public keys that the agent holds, a line each; none if there is no agent."""
    if not os.environ.get("SSH_AUTH_SOCK"):
        return []
    try:
        said = _run(("ssh-add", "-L"), patience=AGENT_PATIENCE)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return []
    return [line for line in said.output.splitlines() if said.code == 0 and is_key(line)]


def certificate_times(key: str) -> list[int]:
    """Give when a certificate (a public key line) begins and ends to be valid, in seconds since 1970."""
    if not is_certificate(key):
        return []
    said = ssh_keygen(("-L", "-f", "-"), stdin=f"{key}\n".encode())
    found = re.search(r"^\s+Valid: (.*)$", said.output, re.MULTILINE)
    stamps = re.findall(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", found[1]) if found else []
    return [int(datetime.fromisoformat(f"{stamp}+00:00").timestamp()) for stamp in stamps]


def is_key(line: str) -> bool:
    """Tell whether a line is a public key: type, base64, and perhaps a comment."""
    return re.match(r"[a-z0-9@.-]+ AAAA[A-Za-z0-9+/=]+(\s|$)", line) is not None


def is_certificate(line: str) -> bool:
    """Tell whether a public key line is a certificate."""
    return "-cert-v0" in line.partition(" ")[0]


def is_token(key: Path | str) -> bool:
    """Tell whether a key lives on a FIDO token, as far as its public half tells."""
    if isinstance(key, str):
        return key.startswith("sk-")
    public = key if key.suffix == ".pub" else key.with_name(f"{key.name}.pub")
    try:
        return read_small(public).startswith(b"sk-")
    except OSError:
        return False


def fingerprint(line: str) -> str:
    """Give what people know a public key by: its comment and `SHA256:...`, as ssh-add -l shows it."""
    _, encoded, *comment = line.split(maxsplit=2)
    digest = hashlib.sha256(base64.b64decode(encoded)).digest()
    return " ".join([f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}", *comment])
