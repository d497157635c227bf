"""A small real SSH server for one demo host: one key may log in, commands run under /bin/sh, ports of the loopback are forwarded.

It stands on paramiko's server side and reaches into a few of its private methods, because paramiko
answers a channel's close while data may still be on its way (OpenSSH's client then ends the whole
connection), and has no way to act right after the answer to a request was sent.
"""

from __future__ import annotations

import base64
import os
import pwd
import select
import signal
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import paramiko
from paramiko import common

from opskit.demo.session import CHUNK, CommandSession, Forward, Wire, each_at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

LOGIN_GRACE = 30.0  # seconds
MAX_SESSIONS = 10  # for each connection, as sshd's default
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Host:
    """What a demo host is: its home folder, its key, who may log in with which key."""

    home: Path
    host_key: paramiko.PKey
    user: str
    authorized_key: paramiko.PKey

    @classmethod
    def load(cls, *, home: Path, host_key: Path, authorized_key: Path) -> Self:
        """Read the keys from OpenSSH's files; who may log in is the user that we are."""
        public = base64.b64decode(authorized_key.read_text().split()[1])
        return cls(
            home=home.resolve(),
            host_key=paramiko.Ed25519Key.from_private_key_file(str(host_key)),
            user=pwd.getpwuid(os.getuid()).pw_name,
            authorized_key=paramiko.Ed25519Key(data=public),
        )

    @property
    def env(self) -> Mapping[str, str]:
        """What a command finds in its environment; nothing of the server's own."""
        names = {"USER": self.user, "LOGNAME": self.user}
        return names | {"HOME": str(self.home), "SHELL": "/bin/sh", "PATH": PATH}


class Server:
    """Listens on the loopback and serves each connection in threads of its own."""

    def __init__(self, host: Host, port: int) -> None:
        self._host = host
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self._connections: set[Connection] = set()

    def serve(self, until: socket.socket) -> None:
        """Take connections until something comes from `until`, or an exception; then end them all."""
        try:
            while until not in select.select([self._listener, until], [], [])[0]:
                self._take(self._listener.accept()[0])
        finally:
            self._listener.close()
            each_at_once([connection.end for connection in list(self._connections)])

    def _take(self, client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(client, self._host, self._connections.discard)
        self._connections.add(connection)
        connection.begin()


class Connection(paramiko.Transport):
    """One client's connection and what runs behind its channels."""

    def __init__(
        self, client: socket.socket, host: Host, ended: Callable[[Connection], None]
    ) -> None:
        super().__init__(client)
        self.local_version = "SSH-2.0-opskit_demo"
        self.add_server_key(host.host_key)
        self.behind: dict[int, CommandSession | Forward] = {}
        self._kept: dict[int, paramiko.Channel] = {}  # paramiko itself holds channels weakly
        self._rules = Rules(host, self)
        self._ended = ended
        self._grace = threading.Timer(LOGIN_GRACE, self._end_stranger)
        self._grace.daemon = True

    def begin(self) -> None:
        """Start the handshake, in the connection's own thread."""
        self._grace.start()
        self.start_server(event=threading.Event(), server=self._rules)

    def run(self) -> None:
        """Serve until the client has gone, then end what it left running."""
        try:
            super().run()
        finally:
            self._grace.cancel()
            each_at_once([channel.end for channel in list(self.behind.values())])
            self._kept.clear()
            self._ended(self)

    def end(self) -> None:
        """Close the connection and end what runs behind it."""
        self.close()
        self.join(10)

    def _end_stranger(self) -> None:
        if not self.is_authenticated():
            self.close()

    def _queue_incoming_channel(self, channel: paramiko.Channel) -> None:
        self._kept[channel.chanid] = channel
        connection = self._rules.dialled.pop(channel.chanid, None)
        if connection is not None:
            self._begin(channel, Forward(_Wire(channel, self._gone), connection))

    def _begin(self, channel: paramiko.Channel, work: CommandSession | Forward) -> None:
        self.behind[channel.chanid] = work
        work.start()

    def _gone(self, channel: paramiko.Channel) -> None:
        self.behind.pop(channel.chanid, None)
        self._rules.sessions.discard(channel.chanid)
        self._kept.pop(channel.chanid, None)

    def _on_request(self, channel: Any, message: paramiko.Message) -> None:
        channel._handle_request(message)  # noqa: SLF001
        argv = self._rules.asked.pop(channel.chanid, None)
        if argv is not None:
            host = self._rules.host
            work = CommandSession(_Wire(channel, self._gone), argv, host.home, host.env)
            self._begin(channel, work)

    def _on_close(self, channel: Any, _message: paramiko.Message) -> None:
        with channel.lock:
            channel._set_closed()  # noqa: SLF001
        work = self.behind.get(channel.chanid)
        if work is None:
            _Wire(channel, self._gone).close()
        else:
            work.hang_up()

    _channel_handler_table: ClassVar = {
        **paramiko.Transport._channel_handler_table,  # type: ignore[attr-defined]  # noqa: SLF001
        common.MSG_CHANNEL_REQUEST: lambda channel, m: channel.transport._on_request(channel, m),  # noqa: SLF001
        common.MSG_CHANNEL_CLOSE: lambda channel, m: channel.transport._on_close(channel, m),  # noqa: SLF001
    }


class Rules(paramiko.ServerInterface):
    """What a client may do; called in the connection's own thread."""

    def __init__(self, host: Host, connection: Connection) -> None:
        self.host = host
        self.asked: dict[int, list[bytes]] = {}
        self.dialled: dict[int, socket.socket] = {}
        self.sessions: set[int] = set()
        self._connection = connection

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002 - paramiko's signature
        """Only keys."""
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        """Only the one user, only with the one key."""
        ok = username == self.host.user and key == self.host.authorized_key
        return int(common.AUTH_SUCCESSFUL if ok else common.AUTH_FAILED)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        """Sessions, as many at a time as sshd allows."""
        if kind != "session":
            return common.OPEN_FAILED_UNKNOWN_CHANNEL_TYPE
        if len(self.sessions) >= MAX_SESSIONS:
            return common.OPEN_FAILED_CONNECT_FAILED
        self.sessions.add(chanid)
        return common.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        """Run a command under /bin/sh, one for each channel."""
        return self._ask(channel, [b"/bin/sh", b"-c", command])

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        """Run /bin/sh on what the client sends; there is no terminal."""
        return self._ask(channel, [b"/bin/sh"])

    def check_channel_direct_tcpip_request(
        self,
        chanid: int,
        origin: tuple[str, int],  # noqa: ARG002 - paramiko's signature
        destination: tuple[str, int],
    ) -> int:
        """Connect to a port of this machine's loopback, and to nothing else."""
        if destination[0] not in LOOPBACK:
            return common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        try:
            self.dialled[chanid] = connection = socket.create_connection(destination, timeout=5)
        except OSError:
            return common.OPEN_FAILED_CONNECT_FAILED
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return common.OPEN_SUCCEEDED

    def _ask(self, channel: paramiko.Channel, argv: list[bytes]) -> bool:
        busy = channel.chanid in self._connection.behind or channel.chanid in self.asked
        if busy or channel.chanid not in self.sessions or b"\0" in argv[-1]:
            return False
        self.asked[channel.chanid] = argv
        return True


class _Wire(Wire):
    """The server's end of a channel."""

    def __init__(self, channel: Any, gone: Callable[[paramiko.Channel], None]) -> None:
        self._channel = channel
        self._gone = gone

    def read(self) -> bytes:
        with suppress(OSError), _as_os_error():
            return bytes(self._channel.recv(CHUNK))
        return b""

    def stop_reading(self) -> None:
        self._channel.in_buffer.close()

    def write(self, data: bytes) -> None:
        with _as_os_error():
            self._channel.sendall(data)

    def write_error(self, data: bytes) -> None:
        with _as_os_error():
            self._channel.sendall_stderr(data)

    def end_writing(self) -> None:
        with _as_os_error():
            self._channel.shutdown_write()

    def tell_exit(self, status: int) -> None:
        message = self._message(common.cMSG_CHANNEL_REQUEST)
        message.add_string("exit-signal" if status < 0 else "exit-status")
        message.add_boolean(False)  # noqa: FBT003 - paramiko's signature
        if status < 0:
            message.add_string(signal.Signals(-status).name.removeprefix("SIG"))
            message.add_boolean(False)  # noqa: FBT003 - paramiko's signature
            message.add_string("")
            message.add_string("")
        else:
            message.add_int(status)
        self._send(message)

    def close(self) -> None:
        with suppress(OSError):
            self.end_writing()
        with self._channel.lock:
            self._channel._set_closed()  # noqa: SLF001
        self._send(self._message(common.cMSG_CHANNEL_CLOSE))
        self._channel.transport._unlink_channel(self._channel.chanid)  # noqa: SLF001
        self._gone(self._channel)

    def _message(self, kind: bytes) -> paramiko.Message:
        message = paramiko.Message()
        message.add_byte(kind)
        message.add_int(self._channel.remote_chanid)
        return message

    def _send(self, message: paramiko.Message) -> None:
        with suppress(OSError), _as_os_error():
            self._channel.transport._send_user_message(message)  # noqa: SLF001


@contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except (EOFError, paramiko.SSHException) as error:
        raise ConnectionError(str(error)) from error
