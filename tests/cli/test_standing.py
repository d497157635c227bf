"""What needs a signature, and what is said of files that let nobody sign."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, open_changelog
from tests.changelog.keys import Keys, line, plug_in_token

if TYPE_CHECKING:
    from tests.support.cli import Opskit

TOML = """
default_environment = "production"
[changelog]
name = "test"
allowed_signers = "allowed_signers"
[environments.production]
hosts = ["web[01-03]"]
[services.shop]
path = "~/shop"
hosts = "*"
source = { folder = "." }
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path) -> None:
    (tmp_path / "opskit.toml").write_text(TOML)
    (tmp_path / "allowed_signers").write_text("")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Ann's key, which the file of signers knows."""
    folder = Path.home() / ".ssh"
    folder.mkdir(mode=0o700)
    made = Keys(folder).make("id_ed25519")
    (tmp_path / "allowed_signers").write_text(f"ann@example.com {line(made)}\n")
    return made


def test_redacting_what_others_wrote_wants_a_signature_and_ones_own_does_not(
    opskit: Opskit, tmp_path: Path
) -> None:
    with Changelog(tmp_path / "other" / "changelog.db", actor="ben@laptop") as other:
        theirs = other.append("note", {"text": "a password"}).id
        lines: list[str] = []
        other.export(lines.append)
    with open_changelog("test") as changelog:
        changelog.take_in(lines)
        own = changelog.append("note", {"text": "a token"}).id
    opskit("changelog", "redact", own, "-m", "a token", "-y")
    said = opskit("changelog", "redact", theirs, "-m", "a password", "-y", expect=1).stderr
    assert "nothing redacted: what follows is not attested: there is no SSH key" in said
    assert "only if your SSH key signs for this machine" in said
    with open_changelog("test") as changelog:
        texts = [changelog.show(each).event.body.get("text") for each in (own, theirs)]
    assert texts == [None, "a password"]


def test_whoever_may_sign_redacts_what_others_wrote(
    opskit: Opskit, key: Path, tmp_path: Path
) -> None:
    with Changelog(tmp_path / "other" / "changelog.db", actor="ben@laptop") as other:
        theirs = other.append("note", {"text": "a password"}).id
        lines: list[str] = []
        other.export(lines.append)
    with open_changelog("test") as changelog:
        changelog.take_in(lines)
    opskit("changelog", "redact", theirs, "-m", "a password", "-y")
    (entry,) = opskit("log", "--json", "--kind", "note").json["data"]["entries"]
    assert entry["text"] == ""
    assert entry["standing"] == "unattested"


@pytest.mark.parametrize("words", [["log"], ["log", "--json"], ["changelog", "writers"]])
def test_a_file_of_signers_that_names_nobody_is_said_once(
    opskit: Opskit, tmp_path: Path, words: list[str]
) -> None:
    for _ in range(3):
        opskit("note", "hello")
    (tmp_path / "allowed_signers").unlink()
    said = f"warning: allowed_signers {tmp_path / 'allowed_signers'}: not there; nothing can be attested"
    assert opskit(*words).stderr.splitlines().count(said) == 1


def test_the_first_note_of_a_machine_enrols_it(opskit: Opskit, key: Path) -> None:
    done = opskit("note", "the first")
    assert "attested" not in done.stderr
    (entry,) = opskit("log", "--json").json["data"]["entries"]
    assert (entry["standing"], entry["principal"]) == ("attested", "ann@example.com")


@pytest.mark.parametrize("kind", ["passphrase", "token"])
def test_a_note_waits_for_no_passphrase_and_no_touch_and_says_how_to_enrol(
    opskit: Opskit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    folder = Path.home() / ".ssh"
    folder.mkdir(mode=0o700)
    if kind == "token":
        plug_in_token(monkeypatch)
        made = Keys(folder).make("id_ed25519_sk", "ed25519-sk")
    else:
        made = Keys(folder).make("id_ed25519", passphrase="secret")
    (tmp_path / "allowed_signers").write_text(f"ann@example.com {line(made)}\n")
    done = opskit("note", "hello")
    (warning,) = [each for each in done.stderr.splitlines() if "warning" in each]
    assert warning.startswith("warning: what follows is not attested: ")
    how = {"passphrase": f"ssh-add {made}", "token": "opskit changelog enroll"}
    assert warning.endswith(how[kind])
    assert "touch the token" not in done.stderr
    assert opskit("log", "--json").json["data"]["entries"][0]["standing"] == "unattested"
