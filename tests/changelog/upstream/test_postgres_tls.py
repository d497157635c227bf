"""TLS with an authority of one's own: the right server is believed, another one hears nothing, and the words say why."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest

from opskit.changelog.upstream.postgres import Postgres, demands_tls
from opskit.errors import UpstreamError
from tests.changelog.upstream.chains import Chain, opened
from tests.support.certificates import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.postgres import Server

NAME = "localhost"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that engineers were told of."""
    return Authority.made(tmp_path_factory.mktemp("certificates") / "ours")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that nobody was told of."""
    return Authority.made(tmp_path_factory.mktemp("certificates") / "other")


@pytest.fixture
def tls(postgres: Server, ours: Authority) -> Iterator[Server]:
    """The server, which takes ana only over TLS, with a certificate for localhost."""
    rules = postgres.data / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text("hostnossl all ana 127.0.0.1/32 reject\n" + before)
    postgres.encrypt(*ours.certify(f"DNS:{NAME}"))
    yield postgres
    rules.write_text(before)
    postgres.encrypt_no_more()


def url(port: int, authority: Authority, mode: str = "verify-full", host: str = NAME) -> str:
    return (
        f"postgresql://ana@{host}:{port}/opskit?sslmode={mode}&sslrootcert={authority.certificate}"
    )


def failing(address: str) -> UpstreamError:
    """Give what pushing says where that must not come to pass."""
    with pytest.raises(UpstreamError) as caught, opened(address) as upstream:
        upstream.push(Chain(1).write())
    assert "\n" not in caught.value.what
    return caught.value


def test_a_server_that_our_authority_certified_is_believed(tls: Server, ours: Authority) -> None:
    with opened(url(tls.port, ours)) as upstream:
        assert upstream.push(Chain(1).write(3)).status == "ok"
        raw = upstream._connection.raw
        asked = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert raw.execute(asked).fetchall() == [(True, "TLSv1.3")]
    with opened(f"postgresql://ana@{NAME}:{tls.port}/opskit") as upstream:
        assert upstream.greet(None).pos == 3, (
            "without any sslmode, TLS is used where it is offered"
        )


def test_a_server_that_another_authority_certified_is_not(
    tls: Server, ours: Authority, other: Authority
) -> None:
    tls.encrypt(*other.certify(f"DNS:{NAME}"))
    error = failing(url(tls.port, ours))
    assert "is not known by its certificate" in error.what
    assert "sslrootcert" in error.hint
    assert error.kind == "upstream"
    assert tls.sql("SELECT count(*) FROM opskit.event") == [(0,)]


def test_a_server_that_is_certified_for_another_name_is_not(tls: Server, ours: Authority) -> None:
    tls.encrypt(*ours.certify("DNS:db.example.com"))
    error = failing(url(tls.port, ours))
    assert 'shows a certificate for "db.example.com"' in error.what
    assert "upstream" in error.hint
    assert tls.sql("SELECT count(*) FROM opskit.event") == [(0,)]
    with opened(url(tls.port, ours, "verify-ca")) as upstream:
        assert upstream.greet(None).pos == 0, "whoever wants only the authority may say so"


def test_a_file_of_the_authority_that_is_not_there_is_named(tls: Server, tmp_path: Path) -> None:
    error = failing(url(tls.port, Authority(tmp_path / "nowhere")))
    assert str(tmp_path / "nowhere" / "ca.crt") in error.what
    assert "sslrootcert" in error.hint


def test_a_server_without_tls_is_not_talked_to_where_tls_is_demanded(
    postgres: Server, ours: Authority
) -> None:
    for mode in ("require", "verify-ca", "verify-full"):
        error = failing(url(postgres.port, ours, mode))
        assert "offers no TLS" in error.what
        assert "sslmode" in error.hint
    assert postgres.sql("SELECT count(*) FROM opskit.event") == [(0,)]


def test_a_server_that_demands_tls_of_who_wants_none_says_so(tls: Server, ours: Authority) -> None:
    assert "sslmode=require" in failing(url(tls.port, ours, "disable")).hint


@pytest.mark.parametrize("mode", ["require", "verify-full"])
def test_the_usual_variable_of_libpq_demands_it_too(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = "postgresql://ana@localhost/opskit"
    assert not demands_tls(plain)
    assert not demands_tls(f"{plain}?sslmode=prefer")
    assert demands_tls(f"{plain}?sslmode={mode}")
    assert demands_tls(f"{plain}?sslrootcert=system")
    monkeypatch.setenv("PGSSLMODE", mode)
    assert demands_tls(plain)
    assert not demands_tls(f"{plain}?sslmode=disable")


@pytest.mark.parametrize("believed", [True, False])
def test_an_impostor_hears_no_word_of_ours(
    ours: Authority, other: Authority, *, believed: bool
) -> None:
    with impostor(other) as (port, heard):
        trusted = other if believed else ours
        address = url(port, trusted).replace("ana@", "ana:hunter2@")
        with pytest.raises(UpstreamError) as caught:
            Postgres(address, timeout=60.0)
    assert "hunter2" not in repr(caught.value.__dict__)
    assert (b"ana" in b"".join(heard)) == believed


@contextlib.contextmanager
def impostor(authority: Authority) -> Iterator[tuple[int, list[bytes]]]:
    """Give the port of what shows a certificate as a server does, and what it was told inside the encryption."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.certify(f"DNS:{NAME}"))
    heard: list[bytes] = []

    def listen() -> None:
        plain, _ = listener.accept()
        with plain, contextlib.suppress(OSError):
            plain.recv(8)
            plain.sendall(b"S")
            with context.wrap_socket(plain, server_side=True) as encrypted:
                heard.append(encrypted.recv(4096))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=listen)
        thread.start()
        yield listener.getsockname()[1], heard
        thread.join(60)
