"""What paramiko and the network raise, said as our own errors: one line of what and where, a hint."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any

from opskit.errors import (
    ConnectionLostError,
    HostError,
    HostUnfitError,
    LoginError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.fleet.connection import Transport
    from opskit.fleet.inventory import Host
    from opskit.fleet.wire import Wire

UP = "is the host up, and the way there open (VPN, firewall)?"


class HungUp(Exception):  # noqa: N818 - a signal to try again, not an error of its own
    """The server hung up before it said who it is; `error` is what to say if that remains so."""

    def __init__(self, error: HostError) -> None:
        super().__init__(str(error))
        self.error = error


def place(host: Host) -> str:
    """Give where a host is, for people: `10.0.0.5:22`, with the jump host if there is one."""
    way = f" through {host.hops[-1].name}" if host.hops else ""
    return f"{address(host)}{way}"


def address(host: Host) -> str:
    """Give a host's address and port in one word: `10.0.0.5:22`, `[::1]:22`."""
    name = f"[{host.address}]" if ":" in host.address else host.address
    return f"{name}:{host.port}"


@contextlib.contextmanager
def reaching(host: Host, limit: float, *, again: bool = False) -> Iterator[None]:
    """Turn what a TCP connect raises into UnreachableError, or into HungUp where it is worth asking `again`."""
    try:
        yield
    except socket.gaierror as error:
        raise UnreachableError(
            host.name,
            f"no address found for {host.address} ({error.strerror})",
            hint="is the name right, and does the name service answer?",
        ) from None
    except TimeoutError:
        raise UnreachableError(
            host.name, f"{place(host)} did not answer within {limit:g} s", hint=UP
        ) from None
    except OSError as error:
        unreachable = _unreachable(host, error)
        raise HungUp(unreachable) if again else unreachable from None


def _unreachable(host: Host, error: OSError) -> UnreachableError:
    if isinstance(error, ConnectionRefusedError):
        what = f"{place(host)} refused the connection"
        return UnreachableError(host.name, what, hint="does sshd run there, and on that port?")
    what = f"{place(host)} cannot be reached: {error.strerror or error}"
    return UnreachableError(host.name, what, hint=UP)


def in_handshake(host: Host, wire: Wire, limit: float, error: Exception) -> Exception:
    """Give the error for a handshake that failed before login."""
    if wire.expired:
        said = "said nothing" if not wire.first else "did not finish the handshake"
        return UnreachableError(
            host.name, f"{place(host)} {said} within {limit:g} s", hint="is sshd there stuck?"
        )
    if not wire.first.startswith(b"SSH-") and b"\nSSH-" not in wire.first:
        return _no_banner(host, wire)
    if isinstance(error, (OSError, EOFError)):
        what = f"{place(host)} hung up during the handshake"
        return HungUp(UnreachableError(host.name, what, hint="see the log of sshd there"))
    return HostUnfitError(
        host.name,
        f"{place(host)}: no SSH handshake: {one_line(error)}",
        hint="the two sides have no algorithm in common; compare with `ssh -v`",
    )


def _no_banner(host: Host, wire: Wire) -> Exception:
    wire.close()
    if wire.complaint:
        what = f"its proxy command failed: {wire.complaint}"
        return UnreachableError(host.name, what, hint="run the ProxyCommand by hand")
    heard = wire.first.decode("ascii", "replace").split("\n", 1)[0].strip()[:60]
    if not heard or "MaxStartups" in heard or "Not allowed" in heard:
        what = f"{place(host)} hung up before saying anything" + (f": {heard}" if heard else "")
        hint = "sshd may be overloaded: see MaxStartups and PerSourcePenalties in sshd_config"
        return HungUp(UnreachableError(host.name, what, hint=hint))
    return UnreachableError(
        host.name,
        f"{place(host)} does not speak SSH: it said {heard!r}",
        hint="is it the right port?",
    )


def at_login(host: Host, transport: Transport, error: Exception) -> HostError:
    """Give the error for a login that ended with the connection."""
    if transport.wire.expired:
        what = f"{place(host)} did not answer the login within its time limit"
        return UnreachableError(
            host.name, what, hint="is the host overloaded, or its agent or PAM stuck?"
        )
    if "Too many" in transport.farewell:
        return LoginError(
            host.name,
            f"{host.user}@{place(host)} refused us: too many keys were offered",
            hint=f"name the right key: IdentityFile and IdentitiesOnly for {host.name} in ~/.ssh/config",
        )
    why = transport.farewell or one_line(error)
    return UnreachableError(host.name, f"{place(host)} hung up during the login: {why}")


def at_jump(host: Host, jump: Host, error: HostError) -> HostError:
    """Give a jump host's error as that of the host behind it."""
    return type(error)(host.name, f"jump host {jump.name}: {error.what}", hint=error.hint)


def tunnel(through: Transport, host: Host, limit: float) -> Any:
    """Give a channel through a jump host to `host`; raises UnreachableError."""
    from paramiko import ChannelException, SSHException

    jump = host.hops[-1].name
    try:
        return through.open_channel(
            "direct-tcpip", (host.address, host.port), ("127.0.0.1", 0), timeout=limit
        )
    except ChannelException as error:
        what = f"jump host {jump} cannot reach {host.address}:{host.port}: {refusal(error)}"
        raise UnreachableError(host.name, what, hint=_tunnel_hint(error.code, jump)) from None
    except (SSHException, OSError, EOFError) as error:
        what = f"jump host {jump} opened no way to {host.address}:{host.port}: {one_line(error)}"
        raise UnreachableError(host.name, what, hint=UP) from None


def refusal(error: Any) -> str:
    """Give in words why a server opened no channel."""
    words = {
        1: "forbidden there",
        2: "connection failed",
        3: "unknown kind",
        4: "out of resources",
    }
    return words.get(error.code, str(error))


def _tunnel_hint(code: int, jump: str) -> str:
    forbidden = f"sshd on {jump} needs AllowTcpForwarding and PermitOpen for it"
    return forbidden if code == 1 else f"is the address right as {jump} sees it?"


def lost(host: Host, transport: Transport, seconds: float) -> ConnectionLostError:
    """Give the error for a connection that ended under a command."""
    why = f" ({transport.farewell})" if transport.farewell else ""
    return ConnectionLostError(
        host.name,
        f"the connection was lost after {seconds:.1f} s{why}; how the command ended is not known",
        hint="look at the host before trying again",
    )


def lost_before(host: Host, transport: Transport, error: Exception) -> ConnectionLostError:
    """Give the error for a connection that ended before a command began."""
    why = transport.farewell or one_line(error)
    return ConnectionLostError(
        host.name, f"the connection was lost before the command began: {why}", hint="try again"
    )


def one_line(error: BaseException) -> str:
    """Give an exception's text on one line."""
    return " ".join(str(error).split()) or type(error).__name__
