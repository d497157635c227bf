"""Signatures by the real ssh-keygen, with the real agent, and who may sign."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import openssh
from opskit.changelog.signers import Signers, read_signers
from opskit.changelog.sshsig import NAMESPACE, damage, key_of, sign, verify
from opskit.errors import AttestationError
from tests.changelog.keys import Keys, add, agent, line, plug_in_token, run

if TYPE_CHECKING:
    from pathlib import Path

TEXT = b'{"writer":"ab"}'
NOW = int(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp())
YEAR = 366 * 86400
KINDS = [("ed25519",), ("rsa", "-b", "3072"), ("ecdsa",), ("ecdsa", "-b", "521")]


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path)


def signers(*lines: str, revoked: bytes = b"") -> Signers:
    return Signers("allowed_signers", "\n".join(lines).encode(), revoked)


@pytest.mark.parametrize("kind", KINDS, ids=" ".join)
def test_a_key_file_of_every_kind_signs_and_is_known_again(keys: Keys, kind: tuple[str]) -> None:
    key = keys.make("id", *kind)
    signature = sign(TEXT, key)
    assert verify(TEXT, signature, signers(f"ann@x {line(key)}"), NOW).principal == "ann@x"
    assert key_of(signature) == line(key)
    assert damage(TEXT, signature) == ""


def test_rsa_signs_with_sha512(keys: Keys) -> None:
    import base64

    signature = sign(TEXT, keys.make("id", "rsa", "-b", "3072"))
    blob = base64.b64decode("".join(signature.splitlines()[1:-1]))
    assert b"rsa-sha2-512" in blob
    assert b"rsa-sha2-256" not in blob


def test_a_key_with_a_passphrase_signs_from_the_agent_only(
    keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = keys.make("id", passphrase="much secret")
    with pytest.raises(AttestationError, match="wants its passphrase") as caught:
        sign(TEXT, key)
    assert caught.value.hint == f"ssh-add {key}"
    with agent(tmp_path) as socket:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        add(socket, key, "much secret")
        held = openssh.agent_keys()
        assert [" ".join(each.split()[:2]) for each in held] == [line(key)]
        key.unlink()
        for way in (held[0], key.with_name("id.pub")):
            found = verify(TEXT, sign(TEXT, way), signers(f"ann@x {line(key)}"), NOW)
            assert found.principal == "ann@x"


def test_without_an_agent_nobody_waits(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    public = line(keys.make("id"))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(keys.folder / "nobody"))
    monkeypatch.setattr(openssh, "AGENT_PATIENCE", openssh.PATIENCE)
    began = time.monotonic()
    assert openssh.agent_keys() == []
    with pytest.raises(AttestationError, match="no key SHA256:"):
        sign(TEXT, public)
    assert time.monotonic() - began < openssh.PATIENCE - 2


def test_an_agent_that_never_answers_is_given_up(
    keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    key = keys.make("id")
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "deaf"))
        deaf.listen()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "deaf"))
        with pytest.raises(AttestationError, match=r"did not answer within 0\.3 s"):
            sign(TEXT, key, patience=0.3)


def test_no_key_is_no_signature(keys: Keys) -> None:
    with pytest.raises(AttestationError, match="there is no key"):
        sign(TEXT, keys.folder / "nothing")


def test_a_key_open_to_others_is_refused_with_the_way_out(keys: Keys) -> None:
    key = keys.make("id")
    key.chmod(0o644)
    with pytest.raises(AttestationError, match="open to others") as caught:
        sign(TEXT, key)
    assert caught.value.hint == f"chmod 600 {key}"


@pytest.mark.parametrize(
    ("terms", "at", "reason"),
    [
        ("", NOW, ""),
        (f'namespaces="{NAMESPACE}"', NOW, ""),
        (f'namespaces="git,{NAMESPACE}"', NOW, ""),
        ('namespaces="git"', NOW, "may not sign for this"),
        ('valid-after="20260101",valid-before="20270101"', NOW, ""),
        ('valid-after="20260101Z"', NOW - YEAR, "only from then on: valid-after 2026-01-01"),
        ('valid-before="20270101"', NOW + YEAR, "valid before then: valid-before 2027-01-01"),
        ("cert-authority", NOW, "no line of allowed_signers names its key"),
    ],
)
def test_the_terms_of_the_file_hold(keys: Keys, terms: str, at: int, reason: str) -> None:
    key = keys.make("id")
    found = verify(TEXT, sign(TEXT, key), signers(f"ann@x {terms} {line(key)}"), at)
    assert found.principal == ("" if reason else "ann@x")
    assert reason in found.reason


def test_an_unknown_key_is_said_so(keys: Keys) -> None:
    other = line(keys.make("other"))
    found = verify(TEXT, sign(TEXT, keys.make("id")), signers("# nobody", f"bob@x {other}"), NOW)
    assert found.reason == "no line of allowed_signers names its key"


def test_of_several_lines_with_the_same_key_the_one_that_fits_counts(keys: Keys) -> None:
    key = keys.make("id")
    lines = (
        f'old@x valid-before="20200101" {line(key)}',
        f'git@x namespaces="git" {line(key)}',
        "this line makes no sense",
        f"*@y,ann@x {line(key)}",
    )
    assert verify(TEXT, sign(TEXT, key), signers(*lines), NOW).principal == "ann@x"
    assert verify(TEXT, sign(TEXT, key), signers(*lines[:2]), NOW).principal == ""


def test_patterns_of_principals_are_names_too(keys: Keys) -> None:
    key = keys.make("id")
    found = verify(TEXT, sign(TEXT, key), signers(f"*@ops.example.com {line(key)}"), NOW)
    assert found.principal == "*@ops.example.com"


def test_a_certificate_signs_while_it_is_valid_and_for_whom_it_names(keys: Keys) -> None:
    authority, key = keys.make("ca"), keys.make("id", "ecdsa")
    certificate = keys.certify(authority, key, "ann@x,root", "20260101:20270101")
    signature = sign(TEXT, certificate)
    allowed = signers(f"*@x cert-authority {line(authority)}")
    assert verify(TEXT, signature, allowed, NOW).principal == "ann@x"
    assert verify(TEXT, signature, allowed, NOW + YEAR).reason == "its certificate had expired"
    assert "not yet valid" in verify(TEXT, signature, allowed, NOW - YEAR).reason
    elsewhere = signers(f"*@elsewhere cert-authority {line(authority)}")
    assert "names nobody" in verify(TEXT, signature, elsewhere, NOW).reason
    begins, ends = openssh.certificate_times(key_of(signature))
    assert [datetime.fromtimestamp(each, UTC).year for each in (begins, ends)] == [2026, 2027]


def test_what_was_altered_is_said_so_even_for_an_unknown_key(keys: Keys) -> None:
    key = keys.make("id")
    signature = sign(TEXT, key)
    for allowed in (signers(f"ann@x {line(key)}"), signers()):
        assert "altered" in verify(TEXT + b" ", signature, allowed, NOW).reason
    assert "altered" in damage(TEXT + b" ", signature)


def test_a_signature_for_another_purpose_counts_for_nothing(keys: Keys, tmp_path: Path) -> None:
    key = keys.make("id")
    (tmp_path / "text").write_bytes(TEXT)
    run("ssh-keygen", "-Y", "sign", "-n", "git", "-f", str(key), str(tmp_path / "text"))
    signature = (tmp_path / "text.sig").read_text()
    found = verify(TEXT, signature, signers(f"ann@x {line(key)}"), NOW)
    assert "another purpose" in found.reason


@pytest.mark.parametrize("as_list", [True, False], ids=["list", "krl"])
def test_a_revoked_key_is_said_so(keys: Keys, as_list: bool) -> None:
    key, krl = keys.make("id"), keys.folder / "krl"
    run("ssh-keygen", "-q", "-k", "-f", str(krl), f"{key}.pub")
    revoked = f"{line(key)}\n".encode() if as_list else krl.read_bytes()
    allowed = f"ann@x {line(key)}"
    signature = sign(TEXT, key)
    assert verify(TEXT, signature, signers(allowed, revoked=revoked), NOW).reason == (
        "its key was revoked"
    )
    assert verify(TEXT, signature, signers(allowed), NOW).principal == "ann@x"


@pytest.mark.parametrize(
    "garbage",
    ["", "x", "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n", "Ä" * 10],
)
def test_garbage_is_no_signature(keys: Keys, garbage: str) -> None:
    assert verify(TEXT, garbage, signers(), NOW).reason == "it is no SSH signature"
    assert damage(TEXT, garbage) == "it is no SSH signature"
    with pytest.raises(ValueError, match=r"no SSH signature|cut off"):
        key_of(garbage)


def test_a_signature_that_is_too_large_is_not_even_looked_at(keys: Keys) -> None:
    huge = f"-----BEGIN SSH SIGNATURE-----\n{'A' * 70_000}\n-----END SSH SIGNATURE-----"
    assert verify(TEXT, huge, signers(), NOW).reason == "it is no SSH signature"


def test_without_ssh_keygen_it_is_said_so(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    signature = sign(TEXT, keys.make("id"))
    monkeypatch.setenv("PATH", str(keys.folder))
    with pytest.raises(AttestationError, match="no ssh-keygen on this machine"):
        verify(TEXT, signature, signers(), NOW)
    old = keys.folder / "ssh-keygen"
    old.write_text("#!/bin/sh\necho 'unknown option -- Y' >&2\nexit 1\n")
    old.chmod(0o700)
    with pytest.raises(AttestationError, match="too old"):
        sign(TEXT, keys.folder / "id")


def test_a_token_is_announced_and_signs(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in_token(monkeypatch)
    for kind in ("ed25519-sk", "ecdsa-sk"):
        key, told = keys.make(kind, kind), list[str]()
        signature = sign(TEXT, key, on_touch=told.append)
        assert told == [str(key)]
        assert verify(TEXT, signature, signers(f"ann@x {line(key)}"), NOW).principal == "ann@x"


def test_a_line_that_cannot_be_read_is_named_to_whose_key_stands_on_it(keys: Keys) -> None:
    key, other = keys.make("id"), keys.make("other")
    odd = f"ann@x verify-required {line(key)}"
    found = verify(TEXT, sign(TEXT, key), signers("# us", odd), NOW)
    assert found.reason.startswith("line 2 of the signers names its key and cannot be read")
    assert verify(TEXT, sign(TEXT, other), signers(odd), NOW).reason.startswith("no line of")
    assert (
        verify(TEXT, sign(TEXT, other), signers(odd, f"ben@x {line(other)}"), NOW).principal
        == "ben@x"
    )


def test_a_verdict_holds_from_one_date_of_the_file_to_the_next() -> None:
    allowed = signers('ann@x valid-after="20260101Z",valid-before="202702031200" ssh-ed25519 A')
    begins, ends = (
        int(datetime(*date, tzinfo=UTC).timestamp()) for date in [(2026, 1, 1), (2027, 2, 3, 12)]
    )
    assert allowed.since(begins - 1) == 0
    assert allowed.since(begins) == begins
    assert allowed.since(NOW) == allowed.since(ends - 1) == begins + 1
    assert allowed.since(ends) == ends
    assert allowed.since(ends + 1) == allowed.since(ends + YEAR) == ends + 1
    assert allowed.since(NOW, [NOW - 5]) == NOW - 4


def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(AttestationError, match="not there"):
        read_signers(tmp_path / "nothing")
    (tmp_path / "huge").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(AttestationError, match="larger than 1 MiB"):
        read_signers(tmp_path / "huge")


def test_nothing_is_left_behind(
    keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    key = keys.make("id")
    verify(TEXT, sign(TEXT, key), signers(f"ann@x {line(key)}"), NOW)
    assert list(folder.iterdir()) == []
