"""A look at a port from the host itself, through a forwarded channel of the SSH connection."""

from __future__ import annotations

import contextlib
import http.client
import io
import ssl
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from opskit.errors import HostError, HostUnfitError, UsageError
from opskit.fleet import problems
from opskit.fleet.command import HttpAnswer
from opskit.fleet.session import leave

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.fleet.running import Running
    from opskit.fleet.session import Line

BODY = 64 * 1024
"""Bytes of a body that are read."""


def tcp_open(line: Line, running: Running, address: str, port: int, timeout: float) -> None:
    """Open and close a TCP connection from the host to `address`; raises HostError if that fails."""
    with _channel(line, running, address, port, time.monotonic() + timeout):
        pass


def http_get(line: Line, running: Running, url: str, timeout: float) -> HttpAnswer:
    """Fetch `url` as the host sees it; redirects are answers, not followed.

    Over https the certificate is not checked: the way there is the SSH connection itself. Raises
    HostError if there is no answer within `timeout` seconds, HostUnfitError if the host's sshd
    forwards nothing, UsageError for what is no http address.
    """
    parts = _parts(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    end = time.monotonic() + timeout
    with _channel(line, running, parts.hostname or "", port, end) as channel:
        try:
            return _ask(Pipe(channel, end), parts, secure=secure)
        except TimeoutError:
            why = f"no answer within {timeout:g} s"
        except (http.client.HTTPException, ssl.SSLError, OSError, EOFError) as error:
            why = f"no HTTP answer: {problems.one_line(error)}"
    running.check(line.host.name)
    raise HostError(line.host.name, f"{url}: {why}")


def ask_socket(
    line: Line, running: Running, path: str, data: bytes, *, timeout: float, most: int
) -> bytes:
    """Send `data` to a Unix socket of the host, and give what comes back until it ends; raises HostError.

    More than `most` bytes, or no end within `timeout` seconds, is an error.
    """
    end = time.monotonic() + timeout
    with _channel(line, running, path, 0, end) as channel:
        pipe, answer = Pipe(channel, end), bytearray()
        try:
            pipe.sendall(data)
            while len(answer) <= most and (chunk := pipe.recv(BODY)):
                answer += chunk
        except (TimeoutError, OSError, EOFError):
            running.check(line.host.name)
            why = f"{path} did not end its answer within {timeout:g} s"
            raise HostError(line.host.name, why) from None
    running.check(line.host.name)
    if len(answer) > most:
        raise HostError(line.host.name, f"the answer of {path} is longer than {most} bytes")
    return bytes(answer)


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, usable = SplitResult("", "", "", "", ""), False
    if not usable or any(ord(character) <= 0x20 for character in url):
        raise UsageError(f"{url!r} is no http address", hint="like http://127.0.0.1:8080/health")
    return parts


def _ask(pipe: Pipe, parts: SplitResult, *, secure: bool) -> HttpAnswer:
    """Send one GET and read status and the beginning of the body."""
    stream: Any = Tls(pipe, parts.hostname or "") if secure else pipe
    connection = http.client.HTTPConnection(parts.netloc)
    connection.sock = stream
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
    connection.putheader("Host", parts.netloc.rpartition("@")[2])
    connection.putheader("User-Agent", "opskit")
    connection.putheader("Connection", "close")
    connection.endheaders()
    answer = connection.getresponse()
    try:
        body = answer.read(BODY)
    except http.client.IncompleteRead as error:
        body = error.partial[:BODY]
    return HttpAnswer(answer.status, body)


class Pipe:
    """A channel as http.client wants a socket, with one deadline for all that is read."""

    def __init__(self, channel: Any, end: float) -> None:
        self._channel = channel
        self._end = end

    def sendall(self, data: bytes) -> None:
        """Send all of `data`."""
        self._channel.settimeout(self._left())
        self._channel.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Give a buffered file to read from."""
        return io.BufferedReader(Reader(self), BODY)

    def close(self) -> None:
        """Stay open: http.client closes its socket while it still reads the body."""

    def recv(self, size: int) -> bytes:
        """Give at most `size` bytes."""
        self._channel.settimeout(self._left())
        return bytes(self._channel.recv(size))

    def _left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Reader(io.RawIOBase):
    """The reading side of a `Pipe`, as a file."""

    def __init__(self, pipe: Pipe) -> None:
        super().__init__()
        self._pipe = pipe

    def readable(self) -> bool:
        """Give True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there into `buffer`; raises TimeoutError when time is up."""
        data = self._pipe.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class Tls(Pipe):
    """TLS inside a channel."""

    def __init__(self, pipe: Pipe, name: str) -> None:
        super().__init__(pipe._channel, pipe._end)  # noqa: SLF001 - of the same family
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._came, self._goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._came, self._goes, server_hostname=name)
        self._step(self._tls.do_handshake)

    def sendall(self, data: bytes) -> None:
        """Send all of `data`, encrypted."""
        self._step(lambda: self._tls.write(data))
        super().sendall(self._goes.read())

    def recv(self, size: int) -> bytes:
        """Give at most `size` bytes, decrypted."""
        try:
            return bytes(self._step(lambda: self._tls.read(size)))
        except ssl.SSLZeroReturnError:
            return b""

    def _step(self, act: Any) -> Any:
        while True:
            try:
                return act()
            except ssl.SSLWantReadError:
                super().sendall(self._goes.read())
                more = super().recv(64 * 1024)
                self._came.write(more) if more else self._came.write_eof()


@contextlib.contextmanager
def _channel(line: Line, running: Running, address: str, port: int, end: float) -> Iterator[Any]:
    """Give a channel from the host to `address`; raises HostError."""
    channel = open_channel(line, address, port, max(0.05, end - time.monotonic()))
    try:
        with running.register(channel.in_buffer.close):
            yield channel
    finally:
        if line.transport.alive:
            leave(line, channel)


def open_channel(line: Line, address: str, port: int, timeout: float) -> Any:
    """Give an open channel from the host to `address`, or to the Unix socket of that path; raises HostError, HostUnfitError."""
    from paramiko import ChannelException, SSHException

    is_socket = address.startswith("/")
    host, where = line.host.name, address if is_socket else f"{address}:{port}"
    try:
        with line.guard.limit(timeout + line.channel_timeout, line.transport.wire.expire):
            if is_socket:
                return line.transport.open_socket(address, timeout=timeout)
            return line.transport.open_channel(
                "direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=timeout
            )
    except ChannelException as error:
        if error.code == 1:
            raise HostUnfitError(
                host,
                f"sshd there forwards no connection to {where}",
                hint="allow it (AllowTcpForwarding, PermitOpen); a health check can be health.command instead",
            ) from None
        raise HostError(host, f"{where}: {problems.refusal(error)}") from None
    except (SSHException, OSError, EOFError) as error:
        if not line.transport.alive:
            raise problems.lost_before(line.host, line.transport, error) from None
        raise HostError(host, f"{where}: no connection within {timeout:g} s") from None
