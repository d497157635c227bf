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
    rb"""(?P<who>"[^"]+"|[^\s"]\S*)[ \t]+
    (?P<options>((cert-authority|namespaces="[^"]*"|valid-(after|before)="[0-9]{8,14}(Z|UTC)?")(,|[ \t]+|(?=$)))*)
    (?P<rest>[a-z0-9@.-]+[ \t]+(?P<key>AAAA[A-Za-z0-9+/=]+)([ \t].*)?)""",
    re.VERBOSE | re.IGNORECASE,
)
_DATE = re.compile(r"valid-(?:after|before)=\"?(\d{8})(\d{4})?(\d{2})?(?:Z|UTC)?\b", re.IGNORECASE)
_PARTS = ("who", "options", "rest")
_OPTION = re.compile(r'cert-authority|[a-z-]+="[^"]*"', re.IGNORECASE)
_BEFORE = "valid-before="


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

    def ended(self, key: str, at: int) -> list[tuple[int, str]]:
        """Give the lines that name a public key, by their numbers, as they let it sign up to `at` (since 1970) only.

        Those that let it sign less long are left out. The time has no Z, which OpenSSH before 9.1 cannot read: opskit reads all as UTC.
        """
        stamp = f'valid-before="{datetime.fromtimestamp(at, UTC):%Y%m%d%H%M%S}"'
        found = []
        for number, line in self._lines():
            if not (read := _LINE.fullmatch(line)) or read["key"] != key.split()[1].encode():
                continue
            who, said, rest = (read[part].decode("utf-8", "replace") for part in _PARTS)
            ends = [each for each in _OPTION.findall(said) if each.lower().startswith(_BEFORE)]
            if all(_stamp(each) > at for each in ends):
                kept = [each for each in _OPTION.findall(said) if each not in ends]
                found.append((number, f"{who} {','.join([*kept, stamp])} {rest}"))
        return found

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
        found = (_stamp(each[0]) for each in _DATE.finditer(self.text.decode("utf-8", "replace")))
        return [stamp for stamp in found if stamp >= 0]


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


def _stamp(said: str) -> int:
    """Give the time of a date in the file, in seconds since 1970; -1 for one that does not exist."""
    found = _DATE.search(said)
    day, minute, second = found.groups() if found else ("", "", "")
    try:
        stamp = f"{day}{minute or '0000'}{second or '00'}+0000"
        return int(datetime.strptime(stamp, "%Y%m%d%H%M%S%z").timestamp())
    except ValueError:
        return -1


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
