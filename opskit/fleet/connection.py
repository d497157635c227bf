"""paramiko, set up our way: transports that are quick, quiet and strict about host keys."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import paramiko
from paramiko.common import cMSG_GLOBAL_REQUEST
from paramiko.packet import Packetizer

from opskit.errors import HostUnfitError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opskit.fleet.inventory import Host
    from opskit.fleet.wire import Wire

CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)
"""AES-GCM is the fastest here; nothing weaker than what OpenSSH itself offers."""

POSSIBLE_CIPHERS = (*CIPHERS, "aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc")
"""What paramiko can do when ssh_config asks for it."""

MACS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
)

WINDOW = 2 * 1024 * 1024

SOCKET = "direct-streamlocal@openssh.com"
"""The kind of channel that leads to a Unix socket: OpenSSH's PROTOCOL, section 2.4."""

logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False


class Packets(Packetizer):
    """paramiko's packets, with a time limit for the handshake that needs no thread of its own."""

    _limit: float | None = None

    def start_handshake(self, timeout: float) -> None:
        """Let the handshake take `timeout` seconds."""
        self._limit = time.monotonic() + timeout

    def handshake_timed_out(self) -> bool:
        """Tell whether the handshake took too long."""
        return self._limit is not None and time.monotonic() > self._limit

    def complete_handshake(self) -> None:
        """Take the limit away."""
        self._limit = None


class Transport(paramiko.Transport):
    """An SSH connection over a `Wire`; `farewell` is what the server said when it hung up."""

    farewell = ""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire, packetizer_class=Packets, default_window_size=WINDOW)  # type: ignore[arg-type]  # a Wire has all that is asked of a socket
        self.wire = wire
        self._wanted = threading.local()

    @property
    def alive(self) -> bool:
        """Whether the connection can still be used; False at once when our side has closed it."""
        return bool(self.is_active()) and not self.wire.closed

    def ping(self) -> None:
        """Ask for a sign of life; whatever answer comes moves `wire.heard`."""
        message = paramiko.Message()
        message.add_byte(cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(True)  # noqa: FBT003 - "want reply", in paramiko's words
        self._send_user_message(message)

    def open_socket(self, path: str, *, timeout: float) -> paramiko.Channel:
        """Give a channel to a Unix socket of the host; raises as `open_channel` does, which knows no such kind."""
        self._wanted.path = path
        try:
            return self.open_channel(SOCKET, timeout=timeout)
        finally:
            del self._wanted.path

    def _send_user_message(self, data: paramiko.Message) -> None:
        """Send a message; the one with which this thread asks for a socket says which."""
        path = getattr(self._wanted, "path", None)
        if path is not None:
            data.add_string(path)
            data.add_string("")  # reserved, as is the number
            data.add_int(0)
        super()._send_user_message(data)  # type: ignore[misc]  # protected, not in the stubs; a test holds it

    def _log(self, _level: int, msg: Any, *_args: object) -> None:
        if isinstance(msg, str) and msg.startswith("Disconnect (code"):
            self.farewell = msg.partition(": ")[2]


class Client(paramiko.SSHClient):
    """An SSHClient around a transport that is open already, for fabric's Connection."""

    def __init__(self, transport: Transport, name: str) -> None:
        super().__init__()
        self.opened = transport
        self.name = name

    def get_transport(self) -> Transport:
        """Give the open transport."""
        return self.opened

    def open_sftp(self) -> paramiko.SFTPClient:
        """Give a new SFTP session; raises HostUnfitError if there is no SFTP server."""
        try:
            session = paramiko.SFTPClient.from_transport(self.opened)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self.unfit(error) from None
        if session is None:
            raise self.unfit(EOFError())
        return session

    def unfit(self, error: Exception) -> HostUnfitError:
        """Give the error for a host that opens no SFTP session."""
        return HostUnfitError(
            self.name,
            f"no SFTP session: {' '.join(str(error).split()) or 'the host closed it'}",
            hint="does sshd there have `Subsystem sftp`? c.run needs none",
        )

    def close(self) -> None:
        """Leave the transport open: it belongs to the fleet."""


def start(wire: Wire, host: Host, *, known_types: Iterable[str], seconds: float) -> Transport:
    """Give a transport with keys exchanged, not logged in; raises SSHException, EOFError, OSError.

    `known_types` are the types of the host keys that we know for this host: those are asked for.
    """
    transport = Transport(wire)
    transport.daemon = True
    transport.banner_timeout = transport.handshake_timeout = seconds
    choose(transport.get_security_options(), host, tuple(known_types))
    # A caller's guard ends the wait at `seconds`; paramiko's own limit would return without a word.
    transport.start_client(timeout=seconds + 5)
    return transport


def choose(
    options: paramiko.transport.SecurityOptions, host: Host, known: tuple[str, ...]
) -> None:
    """Set the algorithms to offer: quick ones first, the user's ssh_config before our taste."""
    ciphers = asked(host.ciphers, CIPHERS, POSSIBLE_CIPHERS)
    options.ciphers = ciphers
    options.digests = tuple(mac for mac in MACS if mac in options.digests)
    options.kex = asked(host.kex, tuple(options.kex), tuple(options.kex))
    types = tuple(options.key_types)
    if host.host_key_algorithms:
        options.key_types = asked(host.host_key_algorithms, types, types)
    else:
        options.key_types = tuple(sorted(types, key=lambda name: family(name) not in known))


def family(algorithm: str) -> str:
    """Give the key type that a signature algorithm belongs to."""
    return "ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm


def asked(written: str, ours: tuple[str, ...], possible: tuple[str, ...]) -> tuple[str, ...]:
    """Give the algorithms that an ssh_config list asks for, of those `possible`.

    `+a,b` adds to `ours`, `-a` takes away, `^a` puts first; a plain list replaces. What leaves
    nothing possible leaves an empty list, which the handshake reports.
    """
    mark, names = (written[0], written[1:]) if written[:1] in {"+", "-", "^"} else ("", written)
    listed = [_ours(name.strip(), possible) for name in names.split(",") if name.strip()]
    wanted = {
        "": listed or list(ours),
        "+": [*ours, *listed],
        "-": [name for name in ours if name not in listed],
        "^": [*listed, *ours],
    }[mark]
    return tuple(dict.fromkeys(name for name in wanted if name in possible))


def _ours(name: str, possible: tuple[str, ...]) -> str:
    """Give paramiko's spelling of an algorithm's name."""
    twin = f"{name}@libssh.org"
    return twin if name not in possible and twin in possible else name
