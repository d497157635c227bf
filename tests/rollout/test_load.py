"""A fleet behind a real HAProxy, under load from wrk, is deployed, restarted and taken back without one failed request.

The same change is made again and again while requests come. The service dies at once when it is restarted, with all requests that it has: what saves them is that it has none by then. HAProxy
tries nothing twice. `OPSKIT_HEAVY=1` sends at least 100,000 requests in each case.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.haproxy import HAProxy
from tests.support.light import TIMES
from tests.support.load import Load, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.cli import Completed
    from tests.support.light import Light

LEAST = 100_000 if os.environ.get("OPSKIT_HEAVY") else 2_000
NAMES = ("web01", "web02", "web03", "web04")
SERVER = """
import asyncio, os, pathlib, sys

VERSION = pathlib.Path("version").read_text()
SICK = pathlib.Path(os.environ["HOME"], "sick")

class Http(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        sick = data.startswith(b"GET /health") and SICK.exists() and SICK.read_text() == VERSION
        answer = b"HTTP/1.1 %d x\\r\\nContent-Length: 3\\r\\n\\r\\n%b" % (500 if sick else 200, VERSION[:3].encode())
        asyncio.get_running_loop().call_later(0.005, self.transport.write, answer)

async def main():
    while True:
        try:
            server = await asyncio.get_running_loop().create_server(Http, "127.0.0.1", int(sys.argv[1]))
            break
        except OSError:  # whoever was killed just now has yet to let go of the port
            await asyncio.sleep(0.01)
    await server.serve_forever()

asyncio.run(main())
"""
RESTART = (
    '[ ! -f "$HOME/pid" ] || kill -9 "$(cat "$HOME/pid")"; '
    f'setsid {sys.executable} -SE server.py "$OPSKIT_VAR_port" </dev/null >"$HOME/log" 2>&1 & echo $! >"$HOME/pid"'
)
HEALTH = f'{{ http = "http://127.0.0.1:{{port}}/health", {TIMES.replace("200ms", "5s")} }}'
CHECKS = "  option httpchk GET /health\n  timeout check 10s\n  retries 0"  # else a server that a laden machine holds up is down


@pytest.fixture
def edge(light: Light) -> Iterator[HAProxy]:
    """HAProxy on web04, before a real service on web01 to web04, of which v1 is live."""
    ports = {name: light.hosts.host(name).service_port for name in NAMES}
    with HAProxy(ports, more=CHECKS) as edge:
        light.configure(
            extra=edge.toml("web04"),
            load_balancer='{ name = "edge", backends = ["shop"], drain = "20s", restore = "20s" }',
            restart=json.dumps(RESTART),
            health=HEALTH,
            batches="[1]",
        )
        light.commit("v1-", files={"server.py": SERVER})
        light.deploy("v1-", "--no-drain")
        edge.wait_for(**dict.fromkeys(NAMES, "UP"))
        yield edge


def again_until_enough(load: Load, change: Callable[[], Completed]) -> None:
    """Make the same change again and again for as long as requests are sent."""
    rounds = 0
    while not rounds or not load.is_enough():
        print(change().stdout)
        rounds += 1
    print(f"rounds: {rounds}")


def demand_none_failed(load: Load) -> None:
    print(load.said)
    assert load.requests >= LEAST
    assert load.failed == 0, load.said


def test_a_rolling_deploy_fails_no_request(light: Light, edge: HAProxy) -> None:
    versions = itertools.cycle([light.commit("v2-") and "v2-", "v1-"])
    with load(edge, least=LEAST) as sent:
        again_until_enough(sent, lambda: light.deploy(next(versions)))
    demand_none_failed(sent)


def test_a_bad_deploy_that_is_taken_back_from_all_hosts_fails_no_request(
    light: Light, edge: HAProxy
) -> None:
    light.commit("v2-")
    light.make_sick("web03", of="v2-\n")
    with load(edge, least=LEAST) as sent:
        again_until_enough(sent, lambda: light.deploy("v2-", "--auto-rollback", expect=5))
    demand_none_failed(sent)
    assert light.live() == light.on_all("v1-")
    assert light.outcomes() == dict.fromkeys(NAMES, "reverted") | {"web04": "skipped"}


def test_a_rolling_restart_fails_no_request(light: Light, edge: HAProxy) -> None:
    with load(edge, least=LEAST) as sent:
        again_until_enough(sent, light.restart)
    demand_none_failed(sent)


def test_the_same_without_a_drain_fails_some(light: Light, edge: HAProxy) -> None:
    with load(edge, least=2_000) as sent:
        light.restart("--no-drain")
    print(sent.said)
    assert sent.failed > 0, "the load could not tell one from the other"
