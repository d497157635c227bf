from __future__ import annotations

import base64
import itertools
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opskit.errors import HostKeyError
from opskit.fleet.hostkeys import KnownHosts, fingerprint, key_type, known_name
from opskit.fleet.inventory import Host
from tests.support.growth import growth

if TYPE_CHECKING:
    from tests.support.hosts import Hosts

KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")


def made_up_key(number: int, kind: str = "ssh-ed25519") -> bytes:
    """A key as known_hosts files hold it; nobody has the private half."""
    fields = [kind.encode(), bytes([number]) * 32]
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def text(key: bytes) -> str:
    return f"{key_type(key)} {base64.b64encode(key).decode()}"


def host(
    address: str = "web", port: int = 22, alias: str = "", *files: Path, strict: str = "ask"
) -> Host:
    return Host(
        "web", address, port, "root", host_key_alias=alias, known_hosts=files, strict=strict
    )


def known(folder: Path, content: str) -> KnownHosts:
    file = folder / "known_hosts"
    file.write_text(content)
    return KnownHosts.read([file])


ONE, TWO = made_up_key(1), made_up_key(2)


@pytest.mark.parametrize(
    ("line", "where", "word"),
    [
        (f"web {text(ONE)}", host(), "ok"),
        (f"WEB,other {text(ONE)} a comment", host("Web"), "ok"),
        (f"other {text(ONE)}", host(), "unknown"),
        (f"web {text(TWO)}", host(), "changed"),
        (f"web {text(TWO)}\nweb {text(ONE)}", host(), "ok"),
        (f"web {text(made_up_key(1, 'ssh-rsa'))}", host(), "changed"),
        (f"[web]:2222 {text(ONE)}", host(port=2222), "ok"),
        (f"[web]:2222 {text(ONE)}", host(), "unknown"),
        (f"web {text(ONE)}", host(port=2222), "ok"),
        (f"web {text(TWO)}", host(port=2222), "unknown"),
        (f"[web]:2222 {text(TWO)}\nweb {text(ONE)}", host(port=2222), "changed"),
        (f"web {text(TWO)}\nalias {text(ONE)}", host(port=2222, alias="Alias"), "ok"),
        (f"[alias]:2222 {text(ONE)}", host(port=2222, alias="alias"), "unknown"),
        (f"w?b,!x* {text(ONE)}", host(), "ok"),
        (f"*,!web {text(ONE)}", host(), "unknown"),
        (f"* {text(TWO)}", host(), "changed"),
        (f"@revoked * {text(ONE)}\nweb {text(ONE)}", host(), "revoked"),
        (f"web {text(ONE)}\n@revoked web {text(TWO)}", host(), "ok"),
        (f"@revoked web {text(ONE)}", host(port=2222), "revoked"),
        (f"@cert-authority * {text(ONE)}", host(), "unknown"),
        (f"  web\t{text(ONE)}\r\n", host(), "ok"),
        (f"# web {text(ONE)}", host(), "unknown"),
        (f"web ssh-rsa {text(ONE).split()[1]}", host(), "unknown"),
        ("web ssh-ed25519 AAAA", host(), "unknown"),
        ("web ssh-ed25519 !!", host(), "unknown"),
        ("", host(), "unknown"),
    ],
)
def test_a_presented_key_is_judged(tmp_path: Path, line: str, where: Host, word: str) -> None:
    assert known(tmp_path, line).check(where, ONE).word == word


def test_the_keys_to_expect_have_their_types_and_no_revoked_ones(tmp_path: Path) -> None:
    rsa = made_up_key(3, "ssh-rsa")
    found = known(
        tmp_path, f"web {text(rsa)}\nweb {text(ONE)}\nweb {text(TWO)}\n@revoked web {text(TWO)}\n"
    )
    assert found.keys(host()) == (("ssh-rsa", rsa), ("ssh-ed25519", ONE))
    assert found.types(host()) == ("ssh-rsa", "ssh-ed25519")
    assert found.types(host(port=2222)) == ("ssh-rsa", "ssh-ed25519")
    assert found.types(host("other")) == ()


def test_broken_lines_are_said_and_do_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "hashed").write_text(f"|1|a|b {text(ONE)}\n|2|AAAA|AAAA {text(ONE)}\n")
    assert len(KnownHosts.read([tmp_path / "hashed"]).problems) == 2
    found = known(
        tmp_path,
        f"garbage\n@what web {text(ONE)}\n\udcff\n".encode("utf-8", "surrogateescape").decode(
            "latin-1"
        )
        + f"web {text(ONE)}\n",
    )
    assert found.check(host(), ONE).word == "ok"
    assert found.problems[0] == f"{tmp_path}/known_hosts:1 is not a line of known_hosts"
    assert len(found.problems) == 3


def test_a_file_that_cannot_be_read_is_said_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    found = KnownHosts.read([tmp_path, tmp_path / "missing"])
    assert found.problems == (f"{tmp_path} cannot be read: Is a directory",)


def test_the_hint_for_an_unknown_key_accepts_exactly_that_key(tmp_path: Path) -> None:
    file = tmp_path / "known hosts"
    where = host("10.0.0.1", 2222, "", file, strict="accept-new")
    with pytest.raises(HostKeyError) as caught:
        KnownHosts.read([file]).demand(where, ONE)
    assert f"[10.0.0.1]:2222 is not known: ssh-ed25519 {fingerprint(ONE)}" in caught.value.what
    assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in caught.value.hint
    assert "StrictHostKeyChecking does not open this door" in caught.value.hint
    subprocess.run(["sh", "-c", caught.value.hint.partition("accept the key: ")[2]], check=True)
    KnownHosts.read([file]).demand(where, ONE)


@pytest.mark.parametrize("hashed", [False, True])
def test_the_hint_for_a_changed_key_replaces_it(tmp_path: Path, hashed: bool) -> None:
    file = tmp_path / "known_hosts"
    where = host("10.0.0.1", 2222, "", file)
    found = known(tmp_path, f"[10.0.0.1]:2222 {text(TWO)}\nother {text(TWO)}\n")
    if hashed:
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
        found = KnownHosts.read([file])
    verdict = found.check(where, ONE)
    assert verdict.word == "changed"
    assert fingerprint(TWO) in verdict.what
    assert f"({file}:1)" in verdict.what
    command = verdict.hint.partition("_key.pub` on the host's own console: ")[2]
    subprocess.run(["sh", "-c", command], check=True, capture_output=True)
    KnownHosts.read([file]).demand(where, ONE)
    KnownHosts.read([file]).demand(host("other"), TWO)


def test_a_wildcard_line_that_disagrees_is_named_and_its_removal_given(tmp_path: Path) -> None:
    verdict = known(tmp_path, f"* {text(TWO)}\n").check(
        host("web", 22, "", tmp_path / "known_hosts"), ONE
    )
    assert f"sed -i 1d {tmp_path}/known_hosts" in verdict.hint


def test_certificate_authorities_are_said_to_be_of_no_use(tmp_path: Path) -> None:
    verdict = known(tmp_path, f"@cert-authority * {text(TWO)}\n").check(host(), ONE)
    assert "host certificates are not checked" in verdict.hint


def test_fingerprints_are_those_of_ssh_keygen(tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    blob = base64.b64decode(key.with_suffix(".pub").read_text().split()[1])
    said = subprocess.run(
        ["ssh-keygen", "-lf", key], check=True, capture_output=True, text=True
    ).stdout
    assert fingerprint(blob) == said.split()[1]


names = st.sampled_from(
    ["web", "web1", "WEB", "[web]:2222", "[10.0.0.1]:22", "10.0.0.1", "*", "w?b*", "!web", "db"]
)
lines = st.tuples(
    st.sampled_from(["", "", "", "@revoked ", "@cert-authority "]),
    st.lists(names, min_size=1, max_size=3).map(",".join),
    st.integers(1, 4),
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(lines, min_size=1, max_size=6),
    st.sampled_from(["web", "web1", "[web]:2222", "db"]),
    st.booleans(),
)
def test_the_entries_of_a_name_are_those_of_ssh_keygen(
    rows: list[tuple[str, str, int]], name: str, hashed: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "known_hosts"
        file.write_text(
            "".join(f"{marker}{names} {text(made_up_key(n))}\n" for marker, names, n in rows)
        )
        if hashed:
            subprocess.run(
                ["ssh-keygen", "-q", "-H", "-f", file], capture_output=True, check=False
            )
        told = subprocess.run(
            ["ssh-keygen", "-F", name, "-f", file], capture_output=True, text=True, check=False
        )
        theirs = [
            int(line.rpartition("line ")[2].split()[0])
            for line in told.stdout.splitlines()
            if line.startswith("#")
        ]
        ours = sorted(entry.line for entry in KnownHosts.read([file]).entries(name))
        assert ours == theirs


@given(st.binary(max_size=60) | st.text("web *!,|1@#\t =\n", max_size=60).map(str.encode))
def test_no_file_is_too_broken_to_read(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "known_hosts"
        file.write_bytes(content)
        assert KnownHosts.read([file]).check(host(), ONE).word == "unknown"


def test_eight_times_as_many_lines_and_hosts_take_little_more_time_each(tmp_path: Path) -> None:
    rows = [f"h{n},10.0.{n // 250}.{n % 250} {text(made_up_key(n % 256))}\n" for n in range(4000)]

    def look_up(count: int) -> None:
        found = known(tmp_path, "".join(rows[:count]))
        hosts = range(0, count, 20)
        assert {found.check(host(f"h{n}"), made_up_key(n % 256)).word for n in hosts} == {"ok"}

    assert growth(look_up, 500, 4000) < 3


ROWS = (
    "{name} {key}",
    "{name} {other}",
    "{plain} {key}",
    "{plain} {other}",
    "@revoked {name} {key}",
    "@revoked {plain} {key}",
)


def test_the_verdict_is_that_of_ssh(openssh_hosts: Hosts, tmp_path: Path) -> None:
    machine = openssh_hosts.host("web01")
    file = tmp_path / "known_hosts"
    where = host(machine.address, machine.port, "", file)
    key = base64.b64decode(machine.public_key.split()[1])
    facts = {
        "name": known_name(where),
        "plain": machine.address,
        "key": text(key),
        "other": text(TWO),
    }
    for rows in itertools.chain(
        [()], itertools.combinations(ROWS, 1), itertools.combinations(ROWS, 2)
    ):
        file.write_text("".join(row.format(**facts) + "\n" for row in rows))
        assert KnownHosts.read([file]).check(where, key).word == ssh_says(
            machine.port, machine.address, file
        ), rows


def ssh_says(port: int, address: str, file: Path) -> str:
    """What OpenSSH thinks of the host's key; it gets no key to log in with."""
    options = [
        "BatchMode=yes",
        f"UserKnownHostsFile={file}",
        "GlobalKnownHostsFile=none",
        "PubkeyAuthentication=no",
    ]
    command = [
        "ssh",
        "-F",
        "none",
        "-p",
        str(port),
        *(f"-o{option}" for option in options),
        address,
        "true",
    ]
    said = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ
    ).stderr
    if "Permission denied" in said:
        return "ok"
    words = {"REVOKED": "revoked", "HAS CHANGED": "changed", "verification failed": "unknown"}
    return next(word for sign, word in words.items() if sign in said)
