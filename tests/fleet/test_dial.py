"""A connection that cannot be made is not left open."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from opskit.errors import ConfigError
from opskit.fleet.command import Command
from opskit.fleet.dial import Dialer
from tests.fleet.opening import fleet_of, host_of
from tests.fleet.test_connecting import never_ends, server

if TYPE_CHECKING:
    import socket

    from tests.support.hosts import Hosts


def test_no_connection_is_left_open_where_what_it_is_made_with_cannot_be_had(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()

    def waits(link: socket.socket) -> None:
        never_ends(link)
        ended.set()

    def fails(_: Dialer) -> None:
        raise ConfigError("no keys")

    monkeypatch.setattr(Dialer, "ready", fails)
    with server(waits) as port, fleet_of(host_of(hosts, "web01", port=port)) as fleet:
        with pytest.raises(ConfigError, match="no keys"):
            fleet.remote("web01").execute(Command("true"))
        assert ended.wait(60), "before the fleet is closed"
