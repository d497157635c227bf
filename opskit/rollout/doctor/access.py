"""What it takes to be let in: private keys, the agent, and the host keys that we know."""

from __future__ import annotations

import shlex
import socket
import stat
import struct
from typing import TYPE_CHECKING

from opskit.rollout.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from opskit.fleet.inventory import Host
    from opskit.fleet.keys import Offer

REQUEST_IDENTITIES, IDENTITIES_ANSWER = 11, 12
AGENT_PATIENCE = 5.0
HOW_TO_ACCEPT = "what the host presents, and how to accept it, stands under hosts"


def check_keys(hosts: Iterable[Host]) -> Iterator[Finding]:
    """Say which private keys are missing, open to others, or wait for a passphrase."""
    from opskit.fleet.keys import KeyRing

    ring = KeyRing()
    for some in _alike(_with_hops(hosts)):
        names = tuple(host.name for host in some)
        for path in some[0].keys:
            yield from _check_key_file(path, names)
        yield _usable(ring.offer(some[0]), names)


def _alike(hosts: Iterable[Host]) -> list[list[Host]]:
    """Group the hosts that are offered the same keys."""
    groups: dict[object, list[Host]] = {}
    for host in hosts:
        groups.setdefault((host.keys, host.identities_only, host.agent), []).append(host)
    return list(groups.values())


def _with_hops(hosts: Iterable[Host]) -> Iterator[Host]:
    """Give the hosts and, once each, the jump hosts on the way to them."""
    jumps: dict[str, Host] = {}
    for host in hosts:
        jumps.update({hop.name: hop for hop in host.hops})
        yield host
    yield from jumps.values()


def _check_key_file(path: Path, hosts: tuple[str, ...]) -> Iterator[Finding]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        yield Finding("keys", "warn", f"{path}: {error.strerror}", "is the path right?", hosts)
        return
    if mode & 0o077:
        hint = f"chmod 600 {shlex.quote(str(path))}"
        what = f"{path} is open to others (mode {mode:03o}); opskit uses it, ssh itself would not"
        yield Finding("keys", "warn", what, hint, hosts)


def _usable(offer: Offer, hosts: tuple[str, ...]) -> Finding:
    if offer.keys:
        some = "1 key" if len(offer.keys) == 1 else f"{len(offer.keys)} keys"
        return Finding("keys", "ok", f"{some} to log in with", hosts=hosts)
    if offer.locked:
        files = " ".join(shlex.quote(str(path)) for path in offer.locked)
        what = f"{files} wants a passphrase, and no agent has it"
        return Finding("keys", "bad", what, f"ssh-add {files}", hosts)
    if offer.broken:
        hint = "is it the private key, not the .pub, and whole? ssh-keygen -y -f FILE says"
        return Finding("keys", "bad", "; ".join(offer.broken), hint, hosts)
    hint = "make one: ssh-keygen -t ed25519"
    return Finding("keys", "bad", "there is no key to log in with", hint, hosts)


def check_agent(environ: Mapping[str, str]) -> Finding:
    """Say whether the SSH agent answers and holds keys; having none is fine."""
    path = environ.get("SSH_AUTH_SOCK", "")
    if not path:
        return Finding("agent", "ok", "no agent is named; keys come from files")
    try:
        count = _keys_held(path)
    except (OSError, struct.error) as error:
        hint = "start one: eval $(ssh-agent); ssh-add"
        what = f"the agent at {path} does not answer: {error}"
        return Finding("agent", "warn", what, hint)
    if count == 0:
        return Finding("agent", "warn", "the agent holds no key", "ssh-add")
    return Finding("agent", "ok", f"the agent answers; keys it holds: {count}")


def _keys_held(path: str) -> int:
    """Ask an agent how many keys it holds (draft-ietf-sshm-ssh-agent, REQUEST_IDENTITIES)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(AGENT_PATIENCE)
        link.connect(path)
        link.sendall(struct.pack(">IB", 1, REQUEST_IDENTITIES))
        with link.makefile("rb") as answer:
            _, kind, count = struct.unpack(">IBI", answer.read(9))
    if kind != IDENTITIES_ANSWER:
        raise OSError(f"it answered with message {kind}")
    return int(count)


def check_known_hosts(hosts: Iterable[Host]) -> Iterator[Finding]:
    """Say of which hosts, and jump hosts, no host key is known: those are refused."""
    everyone = list(_with_hops(hosts))
    known, problems = _known(everyone)
    for problem in problems:
        yield Finding("known hosts", "warn", problem, "mend or remove that line")
    unknown = tuple(host.name for host in everyone if host not in known)
    if unknown:
        yield Finding("known hosts", "bad", "no host key is known", HOW_TO_ACCEPT, unknown)
    if known:
        yield Finding("known hosts", "ok", f"a key is known of {len(known)} of {len(everyone)}")


def _known(hosts: Iterable[Host]) -> tuple[set[Host], list[str]]:
    """Give the hosts of which the files have a key, and what is wrong with the files."""
    from opskit.fleet.hostkeys import KnownHosts

    read: dict[tuple[Path, ...], KnownHosts] = {}
    known: set[Host] = set()
    for host in hosts:
        if host.known_hosts not in read:
            read[host.known_hosts] = KnownHosts.read(host.known_hosts)
        if read[host.known_hosts].keys(host):
            known.add(host)
    return known, list(dict.fromkeys(what for each in read.values() for what in each.problems))
