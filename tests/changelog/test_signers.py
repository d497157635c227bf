"""Which lines of a file of signers count: what we say of one is what ssh-keygen does with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.changelog import sshsig
from opskit.changelog.signers import Signers, trouble
from tests.changelog.keys import Keys, line

if TYPE_CHECKING:
    from pathlib import Path

AT = 1_700_000_000
GOOD = (
    "ann@x {key}",
    "ann@x {key} a remark, with words",
    '"ann@x" {key}',
    "ann@x,bob@x\t{key}",
    'ann@x namespaces="opskit-writer@v1" {key}',
    'ann@x namespaces="git,opskit-writer@v1",valid-after="20200101" {key}',
    'ann@x VALID-before="203001010000Z" {key}',
    "  ann@x {key}  ",
)
BAD = (
    "ann@x",
    "{key}",
    "ann@x namespaces=opskit-writer@v1 {key}",
    'ann@x colour="red" {key}',
    "ann@x ssh-ed25519 rubbish",
    "ann@x ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI",
    "\x00\xff garbage",
)


@pytest.mark.parametrize(
    ("form", "is_good"), [*((f, True) for f in GOOD), *((f, False) for f in BAD)]
)
def test_a_line_is_called_good_if_ssh_keygen_takes_it(
    tmp_path: Path, form: str, *, is_good: bool
) -> None:
    key = Keys(tmp_path).make("key")
    signers = Signers("file", form.format(key=line(key)).encode("latin-1"))
    verdict = sshsig.verify(b"said", sshsig.sign(b"said", key), signers, AT)
    assert bool(verdict.principal) == is_good
    assert (signers.faults() == []) == is_good
    assert signers.names_nobody() != is_good


def test_trouble_names_the_file_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    file = tmp_path / "signers"
    ends = "; nothing can be attested"
    assert trouble(file) == f"allowed_signers {file}: not there{ends}"
    file.mkdir()
    assert trouble(file) == f"allowed_signers {file}: cannot be read: Is a directory{ends}"
    file.rmdir()
    file.write_text("# nobody yet\n\n")
    assert trouble(file) == f"allowed_signers {file}: it is empty{ends}"
    file.write_text("\nrubbish\n")
    assert trouble(file).startswith(f"allowed_signers {file}: line 2: it is not of the form you@")
    file.write_text(f"rubbish\nann@x {line(Keys(tmp_path).make('key'))}\n")
    assert trouble(file) == ""
    gone = tmp_path / "gone"
    assert trouble(file, gone) == f"revoked_keys {gone}: not there{ends}"
