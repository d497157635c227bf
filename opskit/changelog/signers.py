"""Who may sign: the file of allowed signers as it was read at one moment, and the times at which it changes its mind."""

from __future__ import annotations

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
    return Signers(str(allowed), _read(allowed), _read(revoked) if revoked else b"")


def in_words(at: int) -> str:
    """Give a time (seconds since 1970) as people write it, in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _read(file: Path) -> bytes:
    try:
        return read_small(file, LARGEST)
    except OSError as error:
        raise AttestationError(
            f"{file} cannot be read: {error.strerror}", hint="see [changelog] in opskit.toml"
        ) from None
