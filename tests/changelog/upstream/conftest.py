from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.changelog.upstream.postgres import setup
from tests.changelog.upstream.chains import Engineer
from tests.support.postgres import Server, server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def _server() -> Iterator[Server]:
    with server() as made:
        setup(made.url(), timeout=60.0)
        made.engineer("ana")
        made.engineer("ben")
        made.engineer("rita", "opskit_write", "opskit_relay")
        made.engineer("rob", "opskit_read")
        made.role("nora")
        yield made


@pytest.fixture
def postgres(_server: Server) -> Server:
    """A server with a log in its database `opskit`, new for each test.

    ana and ben are engineers, rita brings back what others wrote, rob reads, nora may log in and nothing else.
    """
    _server.new_database()
    setup(_server.url(), timeout=60.0)
    return _server


@pytest.fixture
def ana(postgres: Server) -> Iterator[Engineer]:
    """The log, opened by ana."""
    upstream = Engineer(postgres.url("ana"), timeout=60.0)
    yield upstream
    upstream.close()


@pytest.fixture
def ben(postgres: Server) -> Iterator[Engineer]:
    """The log, opened by ben."""
    upstream = Engineer(postgres.url("ben"), timeout=60.0)
    yield upstream
    upstream.close()
