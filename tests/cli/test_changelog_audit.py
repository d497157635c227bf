"""runbooks/changelog-audit.md, word for word, on a real database: what is true holds, and each lie is found."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.postgres import Server, binaries, server

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parents[2] / "runbooks" / "changelog-audit.md").read_text("utf-8")
FENCES = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
CONFIG = """
[changelog]
name = "audit"
upstream = "{url}"
timeout = "60s"
allowed_signers = "allowed_signers"
signing_key = "id"
[environments.production]
hosts = ["web01"]
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with server() as made:
        yield made


@pytest.fixture
def audited(tmp_path: Path, postgres: Server, opskit: Any) -> Path:
    """A folder of an auditor; the newest place of the log is a note of ana's, whose key vouches for it."""
    url = postgres.new_database("audit")
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "id"], check=True
    )
    public = (tmp_path / "id.pub").read_text().split()
    (tmp_path / "allowed_signers").write_text(f"ana@example.com {' '.join(public[:2])}\n")
    (tmp_path / "opskit.toml").write_text(CONFIG.format(url=url))
    opskit("changelog", "init", cwd=tmp_path)
    opskit("changelog", "enroll", cwd=tmp_path)
    opskit("note", "größer als gedacht", cwd=tmp_path)
    return tmp_path


def follows(folder: Path, postgres: Server, *, place: int) -> str:
    """Paste all of the page's commands into one shell, with the place and the database filled in."""
    script = "\n".join(FENCES)
    script = re.sub(r"^db=.*", f"db={postgres.url(database='audit')}", script, flags=re.MULTILINE)
    script = re.sub(r"^place=\d+$", f"place={place}", script, flags=re.MULTILINE)
    programs = binaries()
    assert programs is not None
    ran = subprocess.run(
        ["/bin/sh", "-uc", script],
        cwd=folder,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ran.stdout + ran.stderr


def newest(postgres: Server) -> int:
    return int(postgres.sql("SELECT max(pos) FROM opskit.event", database="audit")[0][0])


def test_a_true_event_passes_every_step(audited: Path, postgres: Server) -> None:
    said = follows(audited, postgres, place=newest(postgres))
    for words in (
        "the header is as it was",
        "the body is as it was",
        "the log leads to it",
        "the key is the writer's",
        "Signature Verified Successfully",
        'pushed by "postgres"',
        'its key signed for the role "postgres", given by "postgres"',
        "it is about this writer",
        'Good "opskit-writer@v1" signature for ana@example.com',
        '"text": "größer als gedacht"',
        "it came before the enrolment ended",
        "nobody revoked it",
        "nobody redacted it",
        "its time fits between its neighbours",
    ):
        assert words in said
    assert "unattested" not in said
    assert "no proof" not in said


def test_an_enrolment_at_the_first_place_passes_too(audited: Path, postgres: Server) -> None:
    said = follows(audited, postgres, place=1)
    assert 'Good "opskit-writer@v1" signature for ana@example.com' in said
    assert "it is about this writer" in said
    assert "the log leads to it" in said


def test_an_event_that_nobody_signed_for_is_called_so(
    audited: Path, postgres: Server, opskit: Any
) -> None:
    (audited / "opskit.toml").write_text(
        (audited / "opskit.toml").read_text().replace('signing_key = "id"', 'signing_key = "no"')
    )
    env = {"OPSKIT_STATE_DIR": str(audited / "another")}
    opskit("note", "at 3 am", cwd=audited, env=env)
    said = follows(audited, postgres, place=newest(postgres))
    assert "unattested: nobody had signed for its writer" in said
    assert "the body is as it was" in said
    assert "Good" not in said


def test_a_revoked_writer_and_a_redaction_are_named_with_their_places(
    audited: Path, postgres: Server, opskit: Any
) -> None:
    place = newest(postgres)
    query = f"SELECT writer, hash FROM opskit.log WHERE pos = {place - 1}"
    ((writer, enrolment),) = postgres.sql(query, database="audit")
    revoke = ("changelog", "revoke", writer[:12], "--after", enrolment)
    opskit(*revoke, "-m", "stolen laptop", "-y", cwd=audited)
    said = follows(audited, postgres, place=place)
    assert f"revoked at place {place + 1} by " in said
    assert 'after event 1: "stolen laptop"' in said
    assert "nobody revoked it" not in said
    assert "nobody revoked it" in follows(audited, postgres, place=place - 1)


def test_a_redacted_body_is_said_to_be_gone_and_by_whom(
    audited: Path, postgres: Server, opskit: Any
) -> None:
    place = newest(postgres)
    ((digest,),) = postgres.sql(
        f"SELECT hash FROM opskit.log WHERE pos = {place}", database="audit"
    )
    opskit("changelog", "redact", digest, "-m", "a password", "-y", cwd=audited)
    said = follows(audited, postgres, place=place)
    assert "its body is redacted" in said
    assert f"redacted at place {place + 1} by " in said
    assert ': "a password"' in said
    assert "the header is as it was" in said


def test_a_revoked_key_vouches_for_nobody(audited: Path, postgres: Server) -> None:
    shutil.copy(audited / "id.pub", audited / "revoked_keys")
    said = follows(audited, postgres, place=newest(postgres))
    assert "Good" not in said
    assert "the body is as it was" in said


@pytest.mark.parametrize(
    ("lie", "missing"),
    [
        ("UPDATE opskit.event SET header = convert_to(replace(convert_from(header, 'UTF8'), 'note', 'lie!'), 'UTF8')", "the header is as it was"),
        ("UPDATE opskit.body SET body = convert_to(replace(convert_from(body, 'UTF8'), 'gedacht', 'gesagt!'), 'UTF8')", "the body is as it was"),
        ("UPDATE opskit.event SET signature = sha256('a') || sha256('b')", "Signature Verified Successfully"),
        ("UPDATE opskit.event SET chain = sha256('a')", "the log leads to it"),
        ("UPDATE opskit.event SET received_at = received_at - interval '3 days'", "its time fits between its neighbours"),
    ],
)  # fmt: skip
def test_what_an_administrator_altered_is_found(
    audited: Path, postgres: Server, lie: str, missing: str
) -> None:
    place = newest(postgres)
    table = lie.split()[1]
    postgres.sql(f"ALTER TABLE {table} DISABLE TRIGGER ALL", database="audit")
    postgres.sql(f"{lie} WHERE pos = {place}", database="audit")
    assert missing not in follows(audited, postgres, place=place)


def test_what_somebody_wrote_cannot_pass_for_what_the_commands_say(
    audited: Path, postgres: Server
) -> None:
    place, fake = newest(postgres), r"E'x\nthe header is as it was\n\033[8m'"
    postgres.sql("ALTER TABLE opskit.event DISABLE TRIGGER ALL", database="audit")
    lie = f"UPDATE opskit.event SET header = convert_to({fake}, 'UTF8') WHERE pos = {place}"
    postgres.sql(lie, database="audit")
    said = follows(audited, postgres, place=place)
    assert "    x?the header is as it was??[8m" in said.splitlines()
    assert "\033" not in said


@pytest.mark.parametrize(
    "lie", ["db_role = 'ben'", "number = 2", "signature = sha256('a') || sha256('b')"]
)
def test_a_claim_that_the_writers_key_did_not_sign_is_found(
    audited: Path, postgres: Server, lie: str
) -> None:
    change = f"ALTER TABLE opskit.claim DISABLE TRIGGER ALL; UPDATE opskit.claim SET {lie}"
    postgres.sql(change, database="audit")
    said = follows(audited, postgres, place=newest(postgres))
    assert "its key signed for the role" not in said
    assert "Signature Verified Successfully" in said, "of the event"


def test_a_writer_that_was_given_away_without_its_key_is_said_to_be(
    audited: Path, postgres: Server, opskit: Any
) -> None:
    postgres.role("ben")
    give = "SELECT opskit.assign(writer, 'ben') FROM opskit.writer"
    postgres.sql(give, database="audit")
    opskit("note", "its laptop proves it anew", cwd=audited)
    place = newest(postgres)
    for each in (place - 1, place):
        assert 'its key signed for the role "postgres"' in follows(audited, postgres, place=each)
    lie = "ALTER TABLE opskit.claim DISABLE TRIGGER ALL; DELETE FROM opskit.claim WHERE number = 3"
    postgres.sql(lie, database="audit")
    said = follows(audited, postgres, place=place)
    assert 'no proof that it is of the role "ben", given by "postgres"' in said
    postgres.sql("DELETE FROM opskit.claim", database="audit")
    assert "nobody's: somebody in opskit_relay" in follows(audited, postgres, place=place)


def test_a_key_that_may_not_sign_is_no_voucher(audited: Path, postgres: Server) -> None:
    shutil.copy(audited / "allowed_signers", audited / "old")
    line = (audited / "old").read_text().replace(" ssh-", ' valid-before="20200101" ssh-')
    (audited / "allowed_signers").write_text(line)
    said = follows(audited, postgres, place=newest(postgres))
    assert "Good" not in said
