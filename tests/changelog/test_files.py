"""Files that are read by the way are regular and small: a pipe, a device or a huge one by such a name holds up nobody."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import openssh
from opskit.changelog.enrolling import _public
from opskit.changelog.files import read_small
from opskit.changelog.signers import Signers, read_signers
from opskit.changelog.signing import key_file, load_key, save_key, writer_key
from opskit.changelog.upstream.postgres.address import password_of
from opskit.changelog.verdicts import Verdicts
from opskit.errors import AttestationError, ChangelogError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["pipe", "device", "folder", "huge"])
def odd(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """What is no small file."""
    path = tmp_path / "odd"
    if request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "device":
        path.symlink_to("/dev/zero")
    elif request.param == "folder":
        path.mkdir()
    else:
        with path.open("wb") as file:
            file.truncate(2**40)
    return path


def test_a_small_file_is_read_and_nothing_else(odd: Path, tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"x" * 100)
    assert read_small(tmp_path / "small", 100) == b"x" * 100
    for file, most in ((tmp_path / "small", 99), (odd, 2**20)):
        with pytest.raises(OSError):  # noqa: PT011 - of several kinds
            read_small(file, most)


def test_what_is_no_small_file_holds_up_no_command(odd: Path, tmp_path: Path) -> None:
    with pytest.raises(AttestationError, match="cannot be read"):
        read_signers(odd)
    (tmp_path / "signers").write_text("")
    with pytest.raises(AttestationError, match="cannot be read"):
        read_signers(tmp_path / "signers", odd)
    key = writer_key(b"k" * 32)
    save_key(tmp_path, key)
    assert load_key(tmp_path, key.writer) == key
    key_file(tmp_path, key.writer).unlink()
    odd.rename(key_file(tmp_path, key.writer))
    with pytest.raises(ChangelogError, match="cannot be read"):
        load_key(tmp_path, key.writer)
    odd = key_file(tmp_path, key.writer)
    assert Verdicts(odd, Signers("signers", b""))._verdicts == {}
    public = odd.rename(tmp_path / "id.pub")
    assert _public(public) == ""
    assert not openssh.is_token(public)
    assert password_of({"passfile": str(public)}) is None
