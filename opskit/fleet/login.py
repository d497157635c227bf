"""Handshake and login: the host proves who it is before we do."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from opskit.errors import HostError, LoginError
from opskit.fleet import problems

if TYPE_CHECKING:
    from opskit.fleet.connection import Transport
    from opskit.fleet.hostkeys import KnownHosts
    from opskit.fleet.inventory import Host
    from opskit.fleet.keys import Offer
    from opskit.fleet.wire import Wire


def shake_hands(host: Host, wire: Wire, known: KnownHosts, limit: float) -> Transport:
    """Give a transport whose host key is known; raises UnreachableError, HostKeyError and others."""
    from paramiko import SSHException

    from opskit.fleet import connection

    try:
        transport = connection.start(wire, host, known_types=known.types(host), seconds=limit)
        key = transport.get_remote_server_key().asbytes()
    except (SSHException, OSError, EOFError, ValueError) as error:
        raise problems.in_handshake(host, wire, limit, error) from None
    known.demand(host, key)
    return transport


def log_in(host: Host, transport: Transport, offer: Offer) -> None:
    """Log in with the first key that the host takes; raises LoginError, UnreachableError."""
    from paramiko import AuthenticationException, BadAuthenticationType, SSHException

    for key in offer.keys:
        try:
            more = transport.auth_publickey(host.user, key)
        except BadAuthenticationType as error:
            raise _other_ways(host, error.allowed_types) from None
        except (SSHException, OSError, EOFError) as error:
            if isinstance(error, AuthenticationException) and transport.is_active():
                continue
            raise problems.at_login(host, transport, error) from None
        if not more:
            return
        raise _other_ways(host, more)
    raise _refused(host, offer)


def _other_ways(host: Host, wanted: list[str]) -> HostError:
    ways = ", ".join(wanted) or "nothing"
    return LoginError(
        host.name,
        f"{host.user}@{problems.place(host)} wants more than a key: it accepts {ways}",
        hint="opskit logs in with keys only; see AuthenticationMethods in sshd_config",
    )


def _refused(host: Host, offer: Offer) -> HostError:
    where = f"{host.user}@{problems.place(host)}"
    count = len(offer.keys)
    what = (
        f"{where} refused our {count} key{'s' * (count != 1)}" if count else f"no key for {where}"
    )
    if offer.broken:
        what += f" ({'; '.join(offer.broken)})"
    if offer.locked:
        files = " ".join(shlex.quote(str(path)) for path in offer.locked)
        return LoginError(
            host.name, what, hint=f"a key has a passphrase; unlock it: ssh-add {files}"
        )
    hint = (
        f"is the user right, and our public key in its ~/.ssh/authorized_keys? try: {by_ssh(host)}"
    )
    return LoginError(host.name, what, hint=hint)


def by_ssh(host: Host) -> str:
    """Give the line that has OpenSSH go the same way to a host, and say what it sees."""
    words = ["ssh", "-v", "-p", str(host.port)]
    for key in host.keys:
        words += ["-i", str(key)]
    if host.hops:
        words += ["-J", ",".join(f"{hop.user}@{problems.address(hop)}" for hop in host.hops)]
    if host.proxy_command:
        words += ["-o", f"ProxyCommand={host.proxy_command}"]
    return shlex.join([*words, f"{host.user}@{host.address}"])
