"""SSH signatures (SSHSIG), made and checked by OpenSSH's own `ssh-keygen -Y`.

So every key that signs for ssh signs here: in the agent, in a file, on a FIDO token, with a certificate. Who may sign
stands in a file of the format ALLOWED SIGNERS of ssh-keygen(1); its dates without a Z are read as UTC, so that every
laptop comes to the same verdict. Nothing here ever asks for a passphrase. The format of a signature is
PROTOCOL.sshsig of OpenSSH.
"""

from __future__ import annotations

import base64
import contextlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.changelog.openssh import PATIENCE, Said, fingerprint, is_token, ssh_keygen
from opskit.changelog.sshkeys import string
from opskit.errors import AttestationError

if TYPE_CHECKING:
    import tempfile
    from collections.abc import Callable

    from opskit.changelog.signers import Signers

NAMESPACE = "opskit-writer@v1"
LARGEST_SIGNATURE = 65536
MOST_LINES = 16  # lines of one key that are tried
FIRST, LAST = 946_684_800, 253_402_300_799  # seconds: the years 2000 to 9999

_ARMOR = re.compile(
    r"-----BEGIN SSH SIGNATURE-----\s+([A-Za-z0-9+/=\s]+)-----END SSH SIGNATURE-----\s*"
)
_MATCHED = re.compile(r":(\d+): matched (?:key|certificate CA key)\b")
_REASONS = (
    (r"namespace does not match", "it was signed for another purpose (its namespace differs)"),
    (r"incorrect signature", "what was signed was altered"),
    (r"Couldn't parse signature|incomplete message", "it is no SSH signature"),
    (r"not permitted for use in signature namespace", "its key may not sign for this: namespaces"),
    (
        r"key has expired: .* > valid-before (\S+)",
        "its key was valid before then: valid-before {0} UTC",
    ),
    (
        r"not yet valid: .* < valid-after (\S+)",
        "its key is valid only from then on: valid-after {0} UTC",
    ),
    (r"Certificate invalid: expired", "its certificate had expired"),
    (r"Certificate invalid: not yet valid", "its certificate was not yet valid"),
    (r"no valid principals found|not authorized", "its certificate names nobody who may sign"),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who signed, as the file of signers calls them; "" if nobody who may, and then the reason in words."""

    principal: str = ""
    reason: str = ""


def sign(
    data: bytes,
    key: Path | str,
    *,
    on_touch: Callable[[str], object] | None = None,
    patience: float = PATIENCE,
) -> str:
    """Sign with a key file, or with the agent's private half of a public key line; gives the armored signature.

    `on_touch` is told which key it is that may want to be touched. Raises AttestationError.
    """
    with _private_folder() as name:
        folder = Path(name)
        (folder / "data").write_bytes(data)
        file = key if isinstance(key, Path) else folder / "key.pub"
        if isinstance(key, str):
            file.write_text(f"{key}\n", "utf-8")
        shown = str(key) if isinstance(key, Path) else fingerprint(key)
        if on_touch and is_token(key):
            on_touch(shown)
        line = ("-Y", "sign", "-n", NAMESPACE, "-f", str(file.absolute()), str(folder / "data"))
        said = ssh_keygen(line, patience=patience, what=shown)
        if said.code == 0:
            with contextlib.suppress(OSError, UnicodeDecodeError):
                return (folder / "data.sig").read_text("ascii")
        raise _cannot_sign(key, shown, said.errors)


def verify(data: bytes, signature: str, signers: Signers, at: int) -> Verdict:
    """Tell who signed `data`, and whether they might at that time (seconds since 1970).

    Raises AttestationError only if that cannot be found out: no ssh-keygen, or one from before OpenSSH 8.7.
    """
    if not _ARMOR.fullmatch(signature) or len(signature) > LARGEST_SIGNATURE:
        return Verdict(reason="it is no SSH signature")
    with _private_folder() as name:
        bench = _Bench(Path(name), data, signature, signers, at)
        verdict = bench.judge()
        if verdict.principal:
            return verdict
        if wrong := bench.damage():
            return Verdict(reason=wrong)
        if bench.is_revoked():
            return Verdict(reason="its key was revoked")
        return verdict


def damage(data: bytes, signature: str) -> str:
    """Tell what is wrong with a signature whoever made it, "" if it is one over `data`; raises AttestationError."""
    if not _ARMOR.fullmatch(signature) or len(signature) > LARGEST_SIGNATURE:
        return "it is no SSH signature"
    with _private_folder() as name:
        return _Bench(Path(name), data, signature, None, LAST).damage()


def key_of(signature: str) -> str:
    """Give the public key in a signature as a line ("ssh-ed25519 AAAA..."); raises ValueError."""
    armor = _ARMOR.fullmatch(signature)
    if armor is None:
        raise ValueError("no SSH signature")
    blob = base64.b64decode("".join(armor[1].split()), validate=True)
    if blob[:6] != b"SSHSIG":
        raise ValueError("no SSH signature")
    key, _ = string(blob[10:])
    kind, _ = string(key)
    return f"{kind.decode('ascii')} {base64.b64encode(key).decode()}"


def _private_folder() -> tempfile.TemporaryDirectory[str]:
    import tempfile

    return tempfile.TemporaryDirectory(prefix="opskit-")


class _Bench:
    """A private folder with what one verification needs."""

    def __init__(
        self, folder: Path, data: bytes, signature: str, signers: Signers | None, at: int
    ) -> None:
        self._folder = folder
        self._data = data
        self._signers = signers
        moment = datetime.fromtimestamp(min(max(at, FIRST), LAST), UTC)
        self._at = f"-Overify-time={moment:%Y%m%d%H%M%S}"
        self._signature = folder / "signature"
        self._signature.write_text(signature, "ascii")
        self._lines = signers.text.split(b"\n") if signers else []
        if signers and signers.revoked:
            (folder / "revoked").write_bytes(signers.revoked)

    def judge(self) -> Verdict:
        """Try each line that names the key: ssh-keygen by itself tells only the first one's names."""
        name = self._signers.name if self._signers else ""
        reason = ""
        for _ in range(MOST_LINES):
            names, line, said = self._find()
            for principal in names:
                reason = self._refused(principal, revoked=True)
                if not reason:
                    return Verdict(principal)
            if not names or line is None:
                reason = reason or said
                break
            self._lines[line - 1] = b""
        return Verdict(reason=reason or f"no line of {name} names its key")

    def damage(self) -> str:
        """Give what is wrong with the signature itself."""
        said = self._ask("check-novalidate", "-n", NAMESPACE)
        return "" if said.code == 0 else _reason(said.errors) or "it is no SSH signature"

    def is_revoked(self) -> bool:
        """Tell whether the signature would stand if no key was revoked."""
        if not (self._signers and self._signers.revoked):
            return False
        self._lines = self._signers.text.split(b"\n")
        names, _, _ = self._find()
        return any(not self._refused(principal, revoked=False) for principal in names)

    def _find(self) -> tuple[list[str], int | None, str]:
        """Give the names on the first line that fits, plain names first; its number; and why none fits."""
        (self._folder / "signers").write_bytes(b"\n".join(self._lines))
        said = self._ask("find-principals", "-v", "-f", "signers", self._at)
        names = [name for name in said.output.splitlines() if said.code == 0 and name]
        matched = _MATCHED.search(said.errors)
        ordered = sorted(names, key=lambda name: any(sign in name for sign in "*?!"))
        reason = _reason(said.errors) or self._unreadable(said.errors)
        return ordered, int(matched[1]) if matched else None, reason

    def _unreadable(self, errors: str) -> str:
        """Say which line names the key and counts for nobody, because ssh-keygen cannot read its options."""
        bad = re.findall(r"signers:(\d+): bad options: (.*)", errors)
        with contextlib.suppress(ValueError):
            key = key_of(self._signature.read_text("ascii")).split()[1].encode()
            for number, why in bad:
                if key in self._lines[int(number) - 1]:
                    return f"line {number} of the signers names its key and cannot be read: {why}"
        return ""

    def _refused(self, principal: str, *, revoked: bool) -> str:
        """Give why a signature is not that of `principal`, "" if it is."""
        line = ["-f", "signers", "-I", principal, "-n", NAMESPACE, self._at]
        if revoked and (self._folder / "revoked").exists():
            line += ["-r", "revoked"]
        said = self._ask("verify", *line)
        return "" if said.code == 0 else _reason(said.errors) or "ssh-keygen refuses it"

    def _ask(self, what: str, *line: str) -> Said:
        arguments = ("-Y", what, "-s", "signature", *line)
        return ssh_keygen(arguments, stdin=self._data, folder=self._folder)


def _reason(errors: str) -> str:
    """Give the reason that stands in what ssh-keygen said; the last word counts, of several lines of a key."""
    for pattern, words in _REASONS:
        if found := re.findall(pattern, errors):
            return words.format(found[-1] if isinstance(found[-1], str) else found[-1][0])
    return ""


def _cannot_sign(key: Path | str, shown: str, errors: str) -> AttestationError:
    file = str(key) if isinstance(key, Path) else "your key"
    private = file.removesuffix(".pub")
    if "passphrase" in errors:
        return AttestationError(
            f"{shown} wants its passphrase, and no agent has it", hint=f"ssh-add {private}"
        )
    if "bad permissions" in errors or "UNPROTECTED" in errors:
        return AttestationError(f"{shown} is open to others", hint=f"chmod 600 {private}")
    if "refused operation" in errors:
        return AttestationError(
            f"the agent did not sign with {shown}", hint="confirm it when the agent asks"
        )
    if "No such file" in errors or "No private key" in errors:
        return AttestationError(f"there is no key {shown} to sign with", hint=f"ssh-add {private}")
    words = next((line for line in reversed(errors.splitlines()) if line.strip()), "no reason")
    return AttestationError(f"{shown} did not sign: {words.strip()[:200]}", hint="ssh-add -l")
