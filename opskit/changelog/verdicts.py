"""Verdicts of ssh-keygen, kept in a file beside the changelog: the same question is asked once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from typing import TYPE_CHECKING

from opskit.changelog import openssh, sshsig
from opskit.changelog.files import read_small
from opskit.changelog.sshsig import Verdict
from opskit.errors import AttestationError

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.changelog.signers import Signers

MOST = 20_000
LARGEST = 16 * 2**20


class Verdicts:
    """Judges signatures by one reading of the file of signers; `file` remembers, and is only a help.

    A verdict depends on the text, the signature, the file of signers, and the dates in it and in a
    certificate; so one verdict holds for all times between two of those dates.
    """

    def __init__(self, file: Path, signers: Signers) -> None:
        self._file = file
        self._signers = signers
        self._verdicts: dict[str, list[str]] = {}
        self._times: dict[str, list[int]] = {}
        self._is_new = False
        self._trouble: AttestationError | None = None
        self._load()

    def of(self, said: str, signature: str, at: int) -> Verdict:
        """Judge a signature over a text for a time (seconds since 1970).

        Raises AttestationError as `sshsig.verify`, and from then on at once for all that is not remembered.
        """
        name = hashlib.sha256(f"{said}\0{signature}".encode()).hexdigest()
        try:
            since = self._signers.since(at, self._certificate_times(name, signature))
            return self._at(f"{name}@{since}", said, signature, since)
        except AttestationError as error:
            self._trouble = error
            raise

    def save(self) -> None:
        """Write down what is new; a disk that does not take it only costs time."""
        if not self._is_new or len(self._verdicts) > MOST or not self._file.parent.is_dir():
            return
        fields = {
            "signers": self._signers.digest,
            "verdicts": self._verdicts,
            "times": self._times,
        }
        part = self._file.with_name(f"{self._file.name}.{secrets.token_hex(4)}")
        with contextlib.suppress(OSError):
            try:
                with os.fdopen(
                    os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
                ) as f:
                    json.dump(fields, f)
                part.replace(self._file)
                self._is_new = False
            finally:
                part.unlink(missing_ok=True)

    def _at(self, key: str, said: str, signature: str, since: int) -> Verdict:
        if key not in self._verdicts:
            if self._trouble:
                raise self._trouble
            verdict = sshsig.verify(said.encode(), signature, self._signers, since)
            self._verdicts[key] = [verdict.principal, verdict.reason]
            self._is_new = True
        return Verdict(*self._verdicts[key])

    def _certificate_times(self, name: str, signature: str) -> list[int]:
        if name not in self._times:
            try:
                key = sshsig.key_of(signature)
            except ValueError:
                return []
            if not openssh.is_certificate(key):
                return []
            self._times[name] = openssh.certificate_times(key)
            self._is_new = True
        return self._times[name]

    def _load(self) -> None:
        """Read what is remembered, if it is about the same file of signers."""
        try:
            fields = json.loads(read_small(self._file, LARGEST))
            if fields["signers"] != self._signers.digest:
                return
            verdicts = {str(k): [str(v) for v in pair] for k, pair in fields["verdicts"].items()}
            self._verdicts = {key: pair for key, pair in verdicts.items() if len(pair) == 2}
            self._times = {str(k): [int(t) for t in times] for k, times in fields["times"].items()}
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            self._verdicts, self._times = {}, {}
