"""Certificates for tests, made by openssl as an administrator makes them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]


@dataclass(frozen=True)
class Authority:
    """An authority that trusts itself; `certificate` is the file that names it."""

    folder: Path

    @classmethod
    def made(cls, folder: Path) -> Authority:
        """Make one in a new folder."""
        folder.mkdir()
        authority = cls(folder)
        openssl("req", "-x509", *KEY, "-days", "2", "-subj", f"/CN={folder.name}",
            "-keyout", authority.key, "-out", authority.certificate)  # fmt: skip
        return authority

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def key(self) -> Path:
        return self.folder / "ca.key"

    def certify(self, *names: str) -> tuple[Path, Path]:
        """Give (certificate, key) of a server with these names, as DNS:... or IP:..."""
        certificate, key = self.folder / "server.crt", self.folder / "server.key"
        openssl("req", "-x509", *KEY, "-days", "2", "-subj", "/CN=server",
            "-CA", self.certificate, "-CAkey", self.key,
            "-addext", "basicConstraints=critical,CA:FALSE",
            "-addext", f"subjectAltName={','.join(names)}",
            "-keyout", key, "-out", certificate)  # fmt: skip
        return certificate, key


def openssl(*words: object) -> None:
    """Run openssl, which must succeed."""
    ran = subprocess.run(
        ["openssl", *map(str, words)], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
