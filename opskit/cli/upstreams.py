"""The upstream that opskit.toml names, opened by what its address begins with."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from opskit.errors import ConfigError, OpskitError, UpstreamError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.changelog.upstream import Upstream
    from opskit.changelog.upstream.file import FileLog
    from opskit.config.model import Config
    from opskit.fleet.remote import Remote

MOST = 64 * 2**20
"""Bytes that a script may print: more than the longest frame, and more than is asked for at once."""
SLOWEST = 1_000_000
"""Bytes a second below which a host is given up."""


@contextlib.contextmanager
def open_upstream(config: Config) -> Iterator[Upstream]:
    """Give the upstream for the block. Raises UpstreamError, ConfigError if none is configured."""
    scheme = urlsplit(config.changelog.upstream).scheme
    if not scheme:
        hint = 'say where: [changelog] upstream = "postgresql://…"'
        raise ConfigError("no upstream is configured", hint=hint)
    opened = open_file(config) if scheme in ("file", "ssh") else _open_database(config)
    with opened as upstream:
        try:
            yield upstream
        finally:
            upstream.close()


@contextlib.contextmanager
def open_file(config: Config) -> Iterator[FileLog]:
    """Give the file that is the upstream, here or on a host. Raises UpstreamError."""
    from pathlib import Path

    from opskit.changelog.upstream.file import FileLog
    from opskit.changelog.upstream.local import LocalPlace
    from opskit.changelog.upstream.remote import RemotePlace

    parts = urlsplit(config.changelog.upstream)
    path = unquote(parts.path)
    if parts.scheme == "file":
        yield FileLog(LocalPlace(Path(path)))
        return
    from opskit.fleet import open_host

    with open_host(config, parts.netloc) as remote:

        def run(script: str, data: bytes) -> tuple[int, bytes, str]:
            return _run(remote, script, data, patience=config.changelog.timeout)

        yield FileLog(RemotePlace(parts.netloc, path, run))


def prepare_database(config: Config, administrator: str) -> list[str]:
    """Prepare the database of the upstream as a role that may do so; gives what to tell people. Raises UpstreamError."""
    from opskit.changelog.upstream.postgres import setup

    with _way_to_database(config, administrator) as (host, port):
        return setup(administrator, timeout=config.changelog.timeout, host=host, port=port)


@contextlib.contextmanager
def _open_database(config: Config) -> Iterator[Upstream]:
    """Give the database, reached directly or through an ssh host."""
    from opskit.changelog.upstream.postgres import Postgres

    settings = config.changelog
    with _way_to_database(config, settings.upstream) as (host, port):
        yield Postgres(settings.upstream, timeout=settings.timeout, host=host, port=port)


@contextlib.contextmanager
def _way_to_database(config: Config, url: str) -> Iterator[tuple[str | None, int | None]]:
    """Give where to connect to instead of what the address says, if it is reached through an ssh host."""
    via = config.changelog.via
    if not via:
        yield None, None
        return
    from opskit.changelog.upstream.postgres import demands_tls, far_end
    from opskit.fleet import open_host
    from opskit.fleet.forward import forward

    host, port = far_end(url)
    with (
        open_host(config, via) as bastion,
        _in_words(via),
        forward(bastion, host, port, tcp=demands_tls(url)) as way,
    ):
        yield way


def _run(remote: Remote, script: str, data: bytes, *, patience: float) -> tuple[int, bytes, str]:
    """Run a script of the changelog's; its output is given whole, and may be as long as a few of its pieces."""
    from opskit.fleet.command import Command

    out = bytearray()

    def collect(stream: str, chunk: bytes) -> None:
        if stream == "stdout":
            out.extend(chunk)
        if len(out) > MOST:
            raise UpstreamError(f"{remote.name} said more than was asked for")

    limit = patience + (len(data) + MOST) / SLOWEST
    with _in_words(remote.name):
        done = remote.execute(Command(script, input=data, timeout=limit), watch=collect)
    return done.exit, bytes(out), done.stderr.decode("utf-8", "replace")


@contextlib.contextmanager
def _in_words(host: str) -> Iterator[None]:
    """Say which host is the one on the way to the changelog."""
    try:
        yield
    except UpstreamError:
        raise
    except OpskitError as error:
        raise UpstreamError(
            f"{host}, on the way to the changelog: {error.what}", hint=error.hint
        ) from None
