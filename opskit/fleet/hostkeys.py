"""Which host keys are known: OpenSSH's known_hosts files, read once into an index.

The format is that of sshd(8), SSH_KNOWN_HOSTS FILE FORMAT; the verdicts are those of OpenSSH's client:
any other key under a host's name makes a presented key "changed", and a name without its port is a
second try. Unlike OpenSSH, nothing makes us accept an unknown key. Keys of certificate authorities
are understood, and said to be of no use here: host certificates are not checked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from opskit.errors import HostKeyError
from opskit.fleet.sshmatch import pattern_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from opskit.fleet.inventory import Host

MARKERS = ("@cert-authority", "@revoked")
MAX_BYTES = 64 * 1024 * 1024
DEFAULT_FILE = Path("~/.ssh/known_hosts")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: its marker ("" for none), names, key type and base64 key, and where it stands."""

    marker: str
    names: str
    type: str
    key: str
    file: Path
    line: int

    @property
    def where(self) -> str:
        """The file and line, for people."""
        return f"{self.file}:{self.line}"

    @property
    def is_pattern(self) -> bool:
        """Whether the names must be tried, because they hold wildcards or negations."""
        return any(sign in self.names for sign in "*?!")

    def blob(self) -> bytes | None:
        """Give the key as bytes, None if the line is broken."""
        try:
            blob = base64.b64decode(self.key, validate=True)
        except (binascii.Error, ValueError):
            return None
        return blob if key_type(blob) == self.type else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the files say of a presented key; `what` and `hint` are "" when it is ok."""

    word: Literal["ok", "unknown", "changed", "revoked"]
    what: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """The entries of all files, by name; `problems` are lines and files that could not be read."""

    plain: Mapping[str, Sequence[Entry]]
    hashed: Sequence[tuple[bytes, bytes, Entry]]
    patterns: Sequence[Entry]
    problems: tuple[str, ...] = ()
    _found: dict[str, tuple[Entry, ...]] = field(default_factory=dict)

    @classmethod
    def read(cls, files: Iterable[Path]) -> KnownHosts:
        """Read the files; missing ones are empty, broken lines become problems."""
        plain: dict[str, list[Entry]] = {}
        hashed: list[tuple[bytes, bytes, Entry]] = []
        patterns: list[Entry] = []
        problems: list[str] = []
        for entry in _entries(files, problems):
            if entry.names.startswith("|"):
                hashed.extend(_salt_and_hash(entry, problems))
            elif entry.is_pattern:
                patterns.append(entry)
            else:
                for name in dict.fromkeys(entry.names.lower().split(",")):
                    plain.setdefault(name, []).append(entry)
        return cls(plain, hashed, patterns, tuple(problems))

    def entries(self, name: str) -> tuple[Entry, ...]:
        """Give the entries for a name as known_hosts has it: `host`, `[host]:port` or an alias."""
        name = name.lower()
        if name not in self._found:
            self._found[name] = tuple(self._entries(name))
        return self._found[name]

    def _entries(self, name: str) -> Iterator[Entry]:
        yield from self.plain.get(name, ())
        data = name.encode()
        for salt, digest, entry in self.hashed:
            if hmac.digest(salt, data, "sha1") == digest:
                yield entry
        yield from (entry for entry in self.patterns if pattern_list(name, entry.names.lower()))

    def keys(self, host: Host) -> tuple[tuple[str, bytes], ...]:
        """Give the keys that `host` may present, as (type, bytes); revoked ones are left out."""
        for name in _names(host):
            entries = self.entries(name)
            revoked = set(_blobs(entries, "@revoked"))
            known = [blob for blob in _blobs(entries, "") if blob not in revoked]
            if known:
                return tuple((key_type(blob), blob) for blob in dict.fromkeys(known))
        return ()

    def types(self, host: Host) -> tuple[str, ...]:
        """Give the types of the keys that `host` may present: ask for these first.

        As OpenSSH does, so that a server with several keys shows one that we know. An RSA key is
        "ssh-rsa" here, whatever the signature algorithm.
        """
        return tuple(dict.fromkeys(kind for kind, _ in self.keys(host)))

    def check(self, host: Host, key: bytes) -> Verdict:
        """Judge the key that `host` has presented, in the bytes of the SSH wire format."""
        name, *fallback = _names(host)
        verdict = self._check(host, name, key)
        if verdict.word == "unknown" and fallback:
            second = self._check(host, fallback[0], key)
            return second if second.word in ("ok", "revoked") else verdict
        return verdict

    def demand(self, host: Host, key: bytes) -> None:
        """Let a known key pass; raises HostKeyError for any other."""
        verdict = self.check(host, key)
        if verdict.word != "ok":
            raise HostKeyError(host.name, verdict.what, hint=verdict.hint)

    def _check(self, host: Host, name: str, key: bytes) -> Verdict:
        entries = self.entries(name)
        for entry in entries:
            if entry.marker == "@revoked" and entry.blob() == key:
                return _revoked(name, key, entry)
        known = [entry for entry in entries if not entry.marker and entry.blob()]
        if any(entry.blob() == key for entry in known):
            return Verdict("ok")
        return _changed(host, name, key, known[0]) if known else _unknown(host, name, key, entries)


def known_name(host: Host) -> str:
    """Give the name of a host in known_hosts: its alias, its address, or `[address]:port`."""
    return _names(host)[0]


def key_type(blob: bytes) -> str:
    """Give the type that a key's bytes begin with, "" if they do not (RFC 4253, 6.6)."""
    length = int.from_bytes(blob[:4], "big")
    word = blob[4 : 4 + length]
    return word.decode("ascii", "replace") if 0 < len(word) == length <= 64 else ""


def fingerprint(blob: bytes) -> str:
    """Give a key's fingerprint as ssh-keygen prints it: `SHA256:…`."""
    digest = hashlib.sha256(blob).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _names(host: Host) -> tuple[str, ...]:
    if host.host_key_alias:
        return (host.host_key_alias.lower(),)
    address = host.address.lower()
    return (address,) if host.port == 22 else (f"[{address}]:{host.port}", address)


def _blobs(entries: Iterable[Entry], marker: str) -> Iterator[bytes]:
    for entry in entries:
        blob = entry.blob() if entry.marker == marker else None
        if blob:
            yield blob


def _entries(files: Iterable[Path], problems: list[str]) -> Iterator[Entry]:
    for file in dict.fromkeys(files):
        for number, line in enumerate(_text(file, problems).split("\n"), 1):
            fields = line.split(maxsplit=4)
            if not fields or fields[0].startswith("#"):
                continue
            marker = fields.pop(0) if fields[0].startswith("@") else ""
            if len(fields) < 3 or (marker and marker not in MARKERS):
                problems.append(f"{file}:{number} is not a line of known_hosts")
                continue
            yield Entry(marker, fields[0], fields[1], fields[2], file, number)


def _text(file: Path, problems: list[str]) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        problems.append(f"{file} cannot be read: {error.strerror}")
        return ""
    if len(data) > MAX_BYTES:
        problems.append(f"{file} is too large")
        return ""
    return data.decode("utf-8", "surrogateescape").replace("\r", "")


def _salt_and_hash(entry: Entry, problems: list[str]) -> Iterator[tuple[bytes, bytes, Entry]]:
    """Take `|1|salt|hash` apart: HMAC-SHA1 of the name, as HashKnownHosts makes it."""
    try:
        _, version, salt, digest = entry.names.split("|")
        parts = base64.b64decode(salt, validate=True), base64.b64decode(digest, validate=True)
    except ValueError:
        version, parts = "", (b"", b"")
    if version == "1":
        yield *parts, entry
    else:
        problems.append(f"{entry.where} has a hashed name that cannot be read")


def _told(key: bytes) -> str:
    return f"{key_type(key) or 'an unknown type'} {fingerprint(key)}"


def _accept(host: Host, name: str, key: bytes) -> str:
    """Give the command that accepts exactly this key: what was compared is what is added."""
    line = f"{name} {key_type(key)} {base64.b64encode(key).decode()}"
    file = host.known_hosts[0] if host.known_hosts else DEFAULT_FILE
    return f"echo {shlex.quote(line)} >> {_shown(file)}"


def _compare(key: bytes) -> str:
    kind = key_type(key).removeprefix("ssh-").removeprefix("ecdsa-sha2-")
    kind = "ecdsa" if kind.startswith("nistp") else kind
    return f"`ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub` on the host's own console"


def _unknown(host: Host, name: str, key: bytes, entries: Sequence[Entry]) -> Verdict:
    notes = [f"{entry.where} is broken; " for entry in entries if entry.blob() is None]
    if any(entry.marker == "@cert-authority" for entry in entries):
        notes.append("host certificates are not checked; ")
    if host.strict in ("no", "off", "false", "accept-new"):
        notes.append("StrictHostKeyChecking does not open this door; ")
    return Verdict(
        "unknown",
        f"the host key of {name} is not known: {_told(key)}",
        f"{''.join(notes)}compare the fingerprint with {_compare(key)}, then accept the key:"
        f" {_accept(host, name, key)}",
    )


def _changed(host: Host, name: str, key: bytes, known: Entry) -> Verdict:
    remove = f"ssh-keygen -R {shlex.quote(name)} -f {_shown(known.file)}"
    if known.is_pattern:
        remove = f"sed -i {known.line}d {_shown(known.file)}"
    blob = known.blob() or b""
    return Verdict(
        "changed",
        f"the host key of {name} HAS CHANGED: it is {_told(key)},"
        f" known is {_told(blob)} ({known.where})",
        "somebody may be in between; was the host reinstalled? only if the fingerprint agrees with"
        f" {_compare(key)}: {remove} && {_accept(host, name, key)}",
    )


def _revoked(name: str, key: bytes, entry: Entry) -> Verdict:
    return Verdict(
        "revoked",
        f"the host key of {name} is revoked: {_told(key)} ({entry.where})",
        "do not connect before whoever looks after the host has given it a new key",
    )


def _shown(file: Path) -> str:
    """Give a path for a shell, a leading `~` left for the shell to replace."""
    text = str(file)
    return "~/" + shlex.quote(text[2:]) if text.startswith("~/") else shlex.quote(text)
