"""A server that lets in two logins at a time and hangs up on all others: every host is reached in the end, or it is said why not."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING

from tests.bench.fanout import serving
from tests.support.light import Light
from tests.support.many import homes_of, join

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.hosts import Hosts

COUNT = 10


def test_many_logins_at_once_are_made_in_the_end(openssh_hosts: Hosts, tmp_path: Path) -> None:
    few = "MaxStartups 2:100:2\nLogLevel VERBOSE\n"
    with serving(COUNT, homes=True, sshd_config=few) as site:
        light = Light.create(tmp_path / "project", openssh_hosts)
        light.configure(hosts='"many*"', batches='["100%"]', ssh='connect_timeout = "90s"')
        homes = homes_of(site, COUNT)
        join(light, site, homes, random.Random(1))
        light.deploy("v1")
        versions = {(home / "shop/current/version").read_text() for home in homes.values()}
        assert versions == {"v1\n"}
        assert set(light.outcomes().values()) == {"done"}
        assert "MaxStartups" in site.name("log").read_text(), "there were too many for it"


def test_a_server_that_hangs_up_on_everybody_is_named(
    openssh_hosts: Hosts, tmp_path: Path
) -> None:
    openssh_hosts.odd("full", MaxStartups="1:100:1")
    light = Light.create(tmp_path / "project", openssh_hosts)
    light.configure(hosts='"web01,full"', ssh='connect_timeout = "4s"', max_failures="1")
    with socket.create_connection(("127.0.0.1", light.hosts.host("full").port)) as held:
        held.recv(4)
        done = light.deploy("v1", expect=3)
    assert "hung up before saying anything: Exceeded MaxStartups (tried " in done.stdout
    assert "see MaxStartups and PerSourcePenalties in sshd_config" in done.stdout
    assert light.outcomes() == {"web01": "done", "full": "unreachable"}
