"""A laptop is enrolled by its owner's SSH key, stays so, and says what is missing when it cannot be."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, openssh
from opskit.changelog.attestation import Statement, read_enrolment
from opskit.changelog.enrolling import enroll, keep_enrolled
from opskit.config.model import ChangelogSettings
from opskit.errors import AttestationError
from tests.changelog.keys import Keys, add, agent, line, plug_in_token, run

if TYPE_CHECKING:
    from opskit.changelog.verify import Problem

DAY = 86400


@pytest.fixture
def home() -> Path:
    """The engineer's folder of keys."""
    folder = Path.home() / ".ssh"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def keys(home: Path) -> Keys:
    return Keys(home)


@pytest.fixture
def settings(tmp_path: Path) -> ChangelogSettings:
    (tmp_path / "allowed_signers").write_text("")
    return ChangelogSettings(allowed_signers=tmp_path / "allowed_signers")


def allow(settings: ChangelogSettings, *lines: str) -> None:
    assert settings.allowed_signers
    settings.allowed_signers.write_text("".join(f"{each}\n" for each in lines))


def mine(changelog: Changelog, settings: ChangelogSettings) -> tuple[str, str]:
    """Give what counts of an event that this machine writes now: state and principal."""
    event = changelog.append("note", {"text": "x"})
    standing = changelog.standings([event.hash.hex()], settings)[event.hash.hex()]
    return standing.state, standing.principal


def test_the_key_in_the_home_folder_that_the_file_knows_enrols(
    changelog: Changelog, settings: ChangelogSettings, keys: Keys
) -> None:
    keys.make("id_rsa", "rsa", "-b", "3072")
    keys.make("id_ed25519")
    allow(settings, f"ann@x {line(keys.make('id_ecdsa', 'ecdsa'))}")
    assert mine(changelog, settings) == ("unattested", "")
    assert keep_enrolled(changelog, settings) == ""
    assert mine(changelog, settings) == ("attested", "ann@x")
    assert changelog.verify() == []


def test_an_enrolment_holds_30_days_and_is_renewed_after_20(
    changelog: Changelog, settings: ChangelogSettings, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(settings, f"ann@x {line(keys.make('id_ed25519'))}")
    now = time.time_ns()

    def enrolments_after(days: float) -> int:
        monkeypatch.setattr("time.time_ns", lambda: now + int(days * DAY) * 10**9)
        assert keep_enrolled(changelog, settings) == ""
        return changelog.count()

    assert [enrolments_after(days) for days in (0, 1, 19.9, 20.1, 21, 60)] == [1, 1, 1, 2, 2, 3]


def test_the_named_key_is_the_one_that_signs(
    changelog: Changelog, settings: ChangelogSettings, keys: Keys, tmp_path: Path
) -> None:
    keys.make("id_ed25519")
    work = Keys(tmp_path).make("work", "ecdsa")
    allow(settings, f"home@x {line(keys.folder / 'id_ed25519')}", f"work@x {line(work)}")
    for key in (work, work.with_name("work.pub")):
        named = settings._replace(signing_key=key)
        assert enroll(changelog, named).principal == "work@x"


def test_an_agents_key_with_a_passphrase_enrols_and_without_the_agent_it_is_said_at_once(
    changelog: Changelog,
    settings: ChangelogSettings,
    keys: Keys,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = keys.make("id_ed25519", passphrase="secret")
    allow(settings, f"ann@x {line(key)}")
    began = time.monotonic()
    warning = keep_enrolled(changelog, settings)
    assert time.monotonic() - began < openssh.PATIENCE - 2
    public = key.with_name("id_ed25519.pub")
    assert warning == (
        f"what follows is not attested: {public} wants its passphrase, and no agent has it;"
        f" ssh-add {key}"
    )
    assert mine(changelog, settings) == ("unattested", "")
    with agent(tmp_path) as socket:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        add(socket, key, "secret")
        key.unlink()
        public.unlink()
        assert keep_enrolled(changelog, settings) == ""
    assert mine(changelog, settings) == ("attested", "ann@x")


def test_a_key_that_the_file_does_not_know_is_said_with_the_line_to_add(
    changelog: Changelog, settings: ChangelogSettings, keys: Keys
) -> None:
    assert "there is no SSH key to sign with" in keep_enrolled(changelog, settings)
    key = keys.make("id_ed25519")
    warning = keep_enrolled(changelog, settings)
    assert "none of your SSH keys stands in" in warning
    assert "\n" not in warning
    added = warning.partition("a line that does: ")[2]
    assert added.endswith(line(key))
    allow(settings, added)
    assert keep_enrolled(changelog, settings) == ""
    assert mine(changelog, settings) == ("attested", "you@example.com")


def test_a_key_whose_time_is_over_is_said_so(
    changelog: Changelog, settings: ChangelogSettings, keys: Keys
) -> None:
    allow(settings, f'ann@x valid-before="20200101" {line(keys.make("id_ed25519"))}')
    with pytest.raises(AttestationError, match="does not count: its key was valid before then"):
        enroll(changelog, settings)
    assert changelog.count() == 0


def test_a_certificate_enrols_no_longer_than_it_is_valid(
    changelog: Changelog, settings: ChangelogSettings, keys: Keys, tmp_path: Path
) -> None:
    authority = Keys(tmp_path).make("ca")
    keys.certify(authority, keys.make("id_ed25519"), "ann@x", "-1h:+8h")
    allow(settings, f"*@x cert-authority {line(authority)}")
    done = enroll(changelog, settings)
    assert done.principal == "ann@x"
    assert 7.9 * 3600 < done.statement.expires - done.statement.issued <= 8 * 3600
    assert mine(changelog, settings) == ("attested", "ann@x")


def test_without_allowed_signers_nothing_is_asked_and_nothing_done(
    changelog: Changelog, keys: Keys
) -> None:
    keys.make("id_ed25519")
    assert keep_enrolled(changelog, ChangelogSettings()) == ""
    assert changelog.count() == 0
    assert enroll(changelog, ChangelogSettings()).principal == ""


def test_a_file_of_signers_that_is_gone_is_a_warning(changelog: Changelog, tmp_path: Path) -> None:
    settings = ChangelogSettings(allowed_signers=tmp_path / "gone")
    assert "gone: not there" in keep_enrolled(changelog, settings)
    assert mine(changelog, settings) == ("unattested", "")


def test_a_changelog_that_cannot_be_written_is_a_warning(
    settings: ChangelogSettings, keys: Keys, tmp_path: Path
) -> None:
    allow(settings, f"ann@x {line(keys.make('id_ed25519'))}")
    (tmp_path / "state").write_text("in the way")
    with Changelog(tmp_path / "state" / "x" / "changelog.db") as changelog:
        assert keep_enrolled(changelog, settings).startswith("what follows is not attested: ")


def test_a_token_is_announced_before_it_signs(
    changelog: Changelog,
    settings: ChangelogSettings,
    keys: Keys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plug_in_token(monkeypatch)
    allow(settings, f"ann@x {line(keys.make('id_ed25519_sk', 'ed25519-sk'))}")
    told: list[str] = []
    assert keep_enrolled(changelog, settings, on_touch=told.append) == ""
    assert told == [str(keys.folder / "id_ed25519_sk.pub")]
    assert mine(changelog, settings) == ("attested", "ann@x")


def test_an_auditor_verifies_an_enrolment_with_ssh_keygen_alone(
    changelog: Changelog, settings: ChangelogSettings, keys: Keys, tmp_path: Path
) -> None:
    allow(settings, f"ann@x {line(keys.make('id_ed25519'))}")
    event = enroll(changelog, settings).event
    packet = json.loads(changelog.show(event.id).packet.to_json())
    body = json.loads(packet["body"])
    for name in ("statement", "signature"):
        (tmp_path / name).write_text(body[name])
    statement = json.loads(body["statement"])
    key = hashlib.sha256(bytes.fromhex(statement["key"])).hexdigest()
    assert key == statement["writer"] == json.loads(packet["header"])["w"]
    asked = f"-s {tmp_path}/signature -f {settings.allowed_signers}"
    (principal,) = run("ssh-keygen", "-Y", "find-principals", *asked.split()).splitlines()
    check = f"ssh-keygen -Y verify {asked} -I {principal} -n opskit-writer@v1"
    assert 'Good "opskit-writer@v1"' in run("sh", "-c", f"{check} < {tmp_path}/statement")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"statement": ""}, "statement is missing"),
        ({"statement": "x" * 10_001}, "too long"),
        ({"statement": "{"}, "cannot be read"),
        ({"statement": '{"v":2}'}, "another version"),
        ({"statement": '{"v":1,"key":"x"}'}, "names no key"),
        ({"statement": '{"v":1,"key":"' + "0" * 64 + '"}'}, "not the writer's"),
        ({"signature": 5}, "no SSH signature"),
        ({"key": "ssh-ed25519 AAAA"}, "not the one that signed"),
        ({"key": None}, "not the one that signed"),
    ],
)
def test_a_malformed_enrolment_is_no_enrolment(
    changelog: Changelog, keys: Keys, change: dict[str, object], reason: str
) -> None:
    keys.make("id_ed25519")
    event = enroll(changelog, ChangelogSettings()).event
    assert read_enrolment(event.header.writer, event.body).body == event.body
    with pytest.raises(ValueError, match=reason):
        read_enrolment(event.header.writer, {**event.body, **change})
    with pytest.raises(ValueError, match="about another writer"):
        read_enrolment("0" * 64, event.body)


def test_a_statement_reads_as_it_was_written() -> None:
    key = b"\x01" * 32
    statement = Statement(
        writer=hashlib.sha256(key).hexdigest(),
        key=key.hex(),
        machine="läptop",
        log="ab" * 16,
        issued=1_795_000_000,
        expires=1_797_592_000,
    )
    said = statement.encode()
    assert Statement.decode(said) == statement
    assert '"expires":"2026-12-18T11:06:40Z"' in said
    with pytest.raises(ValueError, match="no proper time"):
        Statement.decode(said.replace("2026-12-18T", "2026-12-48T"))


def test_verify_remarks_on_each_enrolment_that_vouches_for_nobody_which_is_no_tampering(
    changelog: Changelog, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.make("id_ed25519")
    good = enroll(changelog, ChangelogSettings()).event
    said = str(good.body["statement"])
    bad = [
        changelog.append(
            "writer.enrolled", {**good.body, "statement": said.replace(":1,", ":1, ")}
        ),
        changelog.append("writer.enrolled", {}),
        changelog.append("writer.enrolled", {"statement": 7}),
    ]
    remarks: list[Problem] = []
    assert changelog.verify(remarks) == []
    for remark, event, what in zip(remarks, bad, ("altered", "missing", "missing"), strict=True):
        assert f"event {event.header.seq} ({event.id}): it vouches for nobody" in str(remark)
        assert what in remark.what
    monkeypatch.setenv("PATH", str(tmp_path))
    (problem,) = changelog.verify()
    assert "not checked: there is no ssh-keygen" in problem.what
