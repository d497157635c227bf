"""An SSH key whose writer was revoked vouches for nobody new, in whatever shape and order it comes."""

from __future__ import annotations

import base64
import struct
import time
from typing import TYPE_CHECKING

import pytest

from opskit.changelog.enrolling import revoke
from opskit.changelog.signers import Signers
from opskit.changelog.sshkeys import fingerprint, material, plain, string
from tests.changelog.keys import Keys, line, plug_in_token, run
from tests.changelog.memory import Memory, shared

if TYPE_CHECKING:
    from pathlib import Path

    from tests.changelog.team import Team

KINDS = ("ed25519", "rsa", "ecdsa", "ed25519-sk", "ecdsa-sk")


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_is_the_same_in_every_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind.endswith("-sk"):
        plug_in_token(monkeypatch)
    keys = Keys(tmp_path)
    key, other, authority = (keys.make(name, kind) for name in ("key", "other", "authority"))
    certificate = keys.certify(authority, key, "ann", "always:forever")
    assert plain(line(certificate)) == plain(line(key)) == line(key)
    assert material(line(certificate)) == material(line(key)) != material(line(other))
    for file in (certificate, key):
        assert fingerprint(line(file)) == run("ssh-keygen", "-lf", str(file)).split()[1]


def test_zeros_and_another_name_for_its_type_make_no_other_key(tmp_path: Path) -> None:
    """OpenSSH takes them for the same key."""
    made = line(Keys(tmp_path).make("key", "rsa"))
    _, rest = string(base64.b64decode(made.split()[1]))
    first, rest = string(rest)
    second, _ = string(rest)
    fields = (b"rsa-sha2-256", b"\0" + first, b"\0\0" + second)
    blob = b"".join(struct.pack(">I", len(each)) + each for each in fields)
    again = f"rsa-sha2-256 {base64.b64encode(blob).decode()}"
    assert again != made
    assert material(again) == material(made)


@pytest.mark.parametrize(
    "garbage", ["", "ssh-rsa", "ssh-rsa AAAA", "ssh-rsa AAAAB3Nza", "a ====="]
)
def test_what_is_no_key_is_known_by_nothing(team: Team, garbage: str) -> None:
    event = team.enroll("ann")
    body = {"writer": event.header.writer, "last_seq": 9, "why": "x", "keys": [garbage, 5]}
    team.laptop("ann").append("writer.revoked", {**body, "kept": [garbage, None]})
    team.laptop("ann").append("writer.enrolled", {**event.body, "key": garbage})
    assert team.sees("ann", team.note("ann")).state == "attested"
    assert list(team.laptop("ann").keys_of(event.header.writer)) == [line(team.key("ann"))]


def test_no_order_in_a_log_makes_a_new_writer_pass_for_an_old_one(team: Team) -> None:
    """In a new log, the thief's laptop comes first: before the revocation, which it says it never saw."""
    for name in ("ann", "bob"):
        team.enroll(name)
    team.sees("ann", team.note("bob"))
    bob = next(each for each in team.laptop("ann").writers(team.settings) if not each.here)
    revoke(team.laptop("ann"), bob.writer, last_seq=bob.events, why="stolen")
    team.enroll("thief", key="bob")
    event = team.note("thief")
    log = Memory()
    for name in ("thief", "ann", "eve"):
        shared(team.laptop(name).file, log)
    assert next(each.writer.hex() for each in log.packets) == event.header.writer
    found = team.laptop("eve").standings([event.hash.hex()], team.settings)[event.hash.hex()]
    assert (found.state, found.principal) == ("revoked", "bob@example.com")


def test_what_a_thief_revoked_before_anybody_knew_of_his_writer_falls(team: Team) -> None:
    for name in ("ann", "bob", "eve"):
        team.enroll(name)
    mine, last = team.note("ann"), team.note("bob")
    team.sees("eve", last)
    team.enroll("thief", key="bob")
    revoke(team.laptop("thief"), mine.header.writer, last_seq=0, why="mine now")
    revoke(team.laptop("eve"), last.header.writer, last_seq=last.header.seq, why="stolen")
    assert team.sees("eve", mine).state == "attested"
    assert team.sees("eve", last).state == "attested"
    assert team.sees("eve", team.note("thief")).state == "revoked"


def test_no_writer_says_of_its_own_key_that_it_is_in_good_hands(team: Team) -> None:
    """A thief wrote so before anybody knew, and pushes it first of all, or last, into a new log."""
    for name in ("ann", "bob"):
        team.enroll(name)
    mine = revoke(
        team.laptop("bob"),
        team.laptop("bob").me().writer.hex(),
        last_seq=99,
        why="",
        keep_keys=True,
    )
    team.sees("ann", mine)
    revoke(team.laptop("ann"), mine.header.writer, last_seq=mine.header.seq, why="stolen")
    team.enroll("thief", key="bob")
    event = team.note("thief")
    for number, order in enumerate((("bob", "ann"), ("ann", "bob"))):
        log = Memory(f"{number}{number}" * 16)
        for name in (*order, "thief", f"newcomer {number}"):
            shared(team.laptop(name).file, log, accept=True)
        found = team.laptop(name).standings([event.hash.hex()], team.settings)
        assert found[event.hash.hex()].state == "revoked"


def test_a_certificate_of_the_key_vouches_for_nobody_new_either(team: Team) -> None:
    authority = team.key("authority")
    team.allow(
        f"*@example.com cert-authority {line(authority)}",
        f"ann@example.com {line(team.key('ann'))}",
    )
    certificate = Keys(team.folder).certify(
        authority, team.key("bob"), "bob@example.com", "always:forever"
    )
    team.enroll("ann")
    team.enroll("bob", key=certificate.name)
    last = team.note("bob")
    assert team.sees("ann", last).state == "attested"
    revoke(team.laptop("ann"), last.header.writer, last_seq=last.header.seq, why="stolen")
    team.allow(*(f"{who}@example.com {line(team.key(who))}" for who in ("ann", "bob")))
    team.enroll("thief", key="bob")
    assert team.sees("ann", team.note("thief")).state == "revoked"


def test_a_signature_that_is_none_takes_nobodys_key_down(team: Team) -> None:
    """Eve names Bob's key for her writer: when that is revoked, Bob's key is not."""
    for name in ("ann", "bob"):
        team.enroll(name)
    true = team.enroll("eve")
    named = {**true.body, "key": line(team.key("bob"))}
    team.laptop("eve").append("writer.enrolled", named)
    team.laptop("eve").append("writer.enrolled", {**team.enroll("bob").body})
    team.sees("ann", team.note("eve"))
    event = revoke(team.laptop("ann"), true.header.writer, last_seq=0, why="spite")
    assert event.body["keys"] == [line(team.key("eve"))]
    team.enroll("second", key="bob")
    assert team.sees("ann", team.note("second")).state == "attested"


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        ("ann@x {key}", 'ann@x valid-before="20261126013300" {key}'),
        ('"a b" namespaces="n"\t{key} me', '"a b" namespaces="n",valid-before="20261126013300" {key} me'),
        ('ann@x valid-before="2030",namespaces="n" {key}', ""),
        ('a valid-before="20300101",namespaces="n" {key}', 'a namespaces="n",valid-before="20261126013300" {key}'),
        ('a valid-before="20200101" {key}', ""),
        ("a cert-authority {other}", ""),
    ],
)  # fmt: skip
def test_a_line_that_ends_is_one_that_ssh_keygen_reads(team: Team, said: str, ends: str) -> None:
    names = {"key": line(team.key("ann")), "other": line(team.key("bob"))}
    signers = Signers("s", f"# all of us\n{said.format(**names)}\n".encode())
    at = 1_795_656_780
    assert time.strftime("%Y%m%d%H%M%S", time.gmtime(at)) == "20261126013300"
    found = signers.ended(names["key"], at)
    assert found == ([(2, ends.format(**names))] if ends else [])
    for _, text in found:
        assert not Signers("s", text.encode()).faults()
