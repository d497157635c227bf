"""Who may sign: the file of allowed signers as it was read at one moment, and the times at which it changes its mind."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opskit.changelog.files import read_small
from opskit.errors import AttestationError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LARGEST = 2**20
HINT = "see [changelog] in opskit.toml"

FORM = 'you@example.com namespaces="opskit-writer@v1" ssh-ed25519 AAAA...'
_LINE = re.compile(
    rb"""("[^"]+"|[^\s"]\S*)[ \t]+
    ((cert-authority|namespaces="[^"]*"|valid-(after|before)="[0-9]{8,14}(Z|UTC)?")(,|[ \t]+|(?=$)))*
    [a-z0-9@.-]+[ \t]+(?P<key>AAAA[A-Za-z0-9+/=]+)([ \t].*)?""",
    re.VERBOSE | re.IGNORECASE,
)
_DATE = re.compile(r"valid-(?:after|before)=\"?(\d{8})(\d{4})?(\d{2})?(?:Z|UTC)?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Signers:
    """The bytes of a file of the format ALLOWED SIGNERS of ssh-keygen(1), its path, and of a file of revoked keys."""

    name: str
    text: bytes
    revoked: bytes = b""

    @property
    def digest(self) -> str:
        """SHA-256 in hex: what a verdict depends on."""
        return hashlib.sha256(hashlib.sha256(self.text).digest() + self.revoked).hexdigest()

    @property
    def has_authorities(self) -> bool:
        """Whether certificates may sign."""
        return b"cert-authority" in self.text

    def knows(self, key: str) -> bool:
        """Tell whether a public key line stands in the file, at whatever terms."""
        return key.split()[1].encode() in self.text

    def faults(self) -> list[tuple[int, str]]:
        """Give the numbers of lines that ssh-keygen passes over, and what is wrong with each."""
        return [(number, wrong) for number, line in self._lines() if (wrong := _fault(line))]

    def names_nobody(self) -> bool:
        """Tell whether no line could let anybody sign."""
        return all(_fault(line) for _, line in self._lines())

    def _lines(self) -> list[tuple[int, bytes]]:
        lines = enumerate((line.strip() for line in self.text.split(b"\n")), 1)
        return [(number, line) for number, line in lines if line and not line.startswith(b"#")]

    def since(self, at: int, more: Iterable[int] = ()) -> int:
        """Give the first second from which on the same terms held as at `at` (both since 1970).

        `more` are the times of a certificate. So a verdict on one time is one on a whole stretch of time.
        """
        turns = [0, *(turn for stamp in (*self._dates(), *more) for turn in (stamp, stamp + 1))]
        return max((turn for turn in turns if turn <= at), default=0)

    def _dates(self) -> list[int]:
        found = []
        for day, minute, second in _DATE.findall(self.text.decode("utf-8", "replace")):
            stamp = f"{day}{minute or '0000'}{second or '00'}+0000"
            try:
                found.append(int(datetime.strptime(stamp, "%Y%m%d%H%M%S%z").timestamp()))
            except ValueError:
                continue
        return found


def read_signers(allowed: Path, revoked: Path | None = None) -> Signers:
    """Read the file of allowed signers, and one of revoked keys (a list, or a KRL of ssh-keygen -k).

    Raises AttestationError.
    """
    text = _read("allowed_signers", allowed)
    return Signers(str(allowed), text, _read("revoked_keys", revoked) if revoked else b"")


def trouble(allowed: Path, revoked: Path | None = None) -> str:
    """Tell in one line why those files let nobody sign, "" if they let somebody."""
    try:
        signers = read_signers(allowed, revoked)
    except AttestationError as error:
        return f"{error.what}; nothing can be attested"
    if not signers.names_nobody():
        return ""
    faults = [f"line {number}: {wrong}" for number, wrong in signers.faults()[:1]]
    what = faults[0] if faults else "it is empty"
    return f"allowed_signers {allowed}: {what}; nothing can be attested"


def in_words(at: int) -> str:
    """Give a time (seconds since 1970) as people write it, in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _fault(line: bytes) -> str:
    """Tell what is wrong with a line of allowed signers, "" if it lets somebody sign."""
    found = _LINE.fullmatch(line)
    if found is None:
        return f"it is not of the form {FORM}"
    try:
        base64.b64decode(found["key"], validate=True)
    except ValueError:
        return "its key is cut off"
    return ""


def _read(key: str, file: Path) -> bytes:
    """Read the file that `key` in opskit.toml names; raises AttestationError."""
    try:
        return read_small(file, LARGEST)
    except FileNotFoundError:
        raise AttestationError(f"{key} {file}: not there", hint=HINT) from None
    except OSError as error:
        what = f"{key} {file}: cannot be read: {error.strerror}"
        raise AttestationError(what, hint=HINT) from None
