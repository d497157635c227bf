"""What the doctor says of the key that vouches for this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
from opskit.changelog.enrolling import ASK, enroll, keep_enrolled, revoke
from opskit.changelog.signing import key_file
from opskit.config.model import ChangelogSettings
from opskit.rollout.doctor.signing import check_signing
from tests.changelog.keys import Keys, line, plug_in_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.rollout.doctor.finding import Finding


@pytest.fixture
def settings(tmp_path: Path) -> ChangelogSettings:
    (tmp_path / "allowed_signers").write_text("")
    return ChangelogSettings(allowed_signers=tmp_path / "allowed_signers")


@pytest.fixture
def changelog(tmp_path: Path) -> Iterator[Changelog]:
    with Changelog(tmp_path / "state" / "changelog.db") as opened:
        yield opened


def allowed(settings: ChangelogSettings, *kind: str, passphrase: str = "") -> Path:
    folder = Path.home() / ".ssh"
    folder.mkdir(mode=0o700)
    name = f"id_{(kind or ('ed25519',))[0].replace('-', '_')}"
    key = Keys(folder).make(name, *kind, passphrase=passphrase)
    assert settings.allowed_signers
    settings.allowed_signers.write_text(f"ann@x {line(key)}\n")
    return key


def only(settings: ChangelogSettings, changelog: Changelog) -> Finding:
    (finding,) = check_signing(settings, changelog)
    return finding


def test_a_key_that_counts_is_well_and_nothing_is_written(
    settings: ChangelogSettings, changelog: Changelog
) -> None:
    allowed(settings)
    found = only(settings, changelog)
    assert found.level == "ok"
    assert found.what.startswith("ann@x signs with SHA256:")
    assert found.what.endswith("this machine is not enrolled yet")
    assert not changelog.file.exists()
    enroll(changelog, settings)
    assert "this machine is enrolled until 20" in only(settings, changelog).what


def test_what_is_in_the_way_is_a_warning_with_the_way_out(
    settings: ChangelogSettings, changelog: Changelog
) -> None:
    assert "there is no SSH key to sign with" in only(settings, changelog).what
    key = allowed(settings, passphrase="secret")
    found = only(settings, changelog)
    assert found.level == "warn"
    assert "wants its passphrase" in found.what
    assert found.hint == f"ssh-add {key}"


def test_a_file_that_is_gone_is_a_warning(changelog: Changelog, tmp_path: Path) -> None:
    found = only(ChangelogSettings(allowed_signers=tmp_path / "gone"), changelog)
    assert (found.level, "cannot be read" in found.what) == ("warn", False)
    assert f"allowed_signers {tmp_path / 'gone'}: not there" in found.what


def test_each_line_that_lets_nobody_sign_is_named_the_first_three(
    settings: ChangelogSettings, changelog: Changelog
) -> None:
    allowed(settings)
    assert settings.allowed_signers
    with settings.allowed_signers.open("a") as signers:
        signers.write("# a remark\n\nben@x\n" + "garbage\n" * 5)
    findings = list(check_signing(settings, changelog))
    assert [found.level for found in findings] == ["warn"] * 4 + ["ok"]
    assert findings[0].what.startswith(f"{settings.allowed_signers}:4: it is not of the form you@")
    assert findings[3].what == "3 more lines of it let nobody sign"


def test_without_ssh_keygen_it_is_said_so(
    settings: ChangelogSettings,
    changelog: Changelog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allowed(settings)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "there is no ssh-keygen on this machine" in only(settings, changelog).what


@pytest.mark.parametrize("keep", [True, False])
def test_a_revoked_machine_is_bad_and_only_with_a_key_that_is_kept_a_new_writer_goes_on(
    settings: ChangelogSettings, changelog: Changelog, keep: bool
) -> None:
    allowed(settings)
    event = enroll(changelog, settings).event
    revoke(changelog, event.header.writer, last_seq=0, why="lost", keep_keys=keep)
    bad, key = check_signing(settings, changelog)
    assert (bad.level, "lost" in bad.what, bad.hint) == ("bad", True, ASK)
    assert key.level == "ok", "its own writer is another matter"
    assert "lost" in keep_enrolled(changelog, settings)
    changelog.close()
    key_file(changelog.file.parent, bytes.fromhex(event.header.writer)).unlink()
    with Changelog(changelog.file) as again:
        again.append("note", {"text": "as a new writer"})
        found = only(settings, again)
        assert (found.level, found.hint) == (("ok", "") if keep else ("bad", ASK))
        assert ("vouches for nobody new" in keep_enrolled(again, settings)) is not keep
        assert only(settings, again).level == found.level


def test_a_token_is_not_asked_for_a_touch(
    settings: ChangelogSettings, changelog: Changelog, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as with_token:
        plug_in_token(with_token)
        allowed(settings, "ed25519-sk")
    assert only(settings, changelog).what.startswith("you may sign with SHA256:")


def test_a_shared_changelog_without_signers_is_mentioned(changelog: Changelog) -> None:
    assert list(check_signing(ChangelogSettings(), changelog)) == []
    shared = ChangelogSettings(upstream="file:///x/y")
    assert only(shared, changelog).level == "warn"
