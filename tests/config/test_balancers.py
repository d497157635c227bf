"""Load balancers in opskit.toml, and how a service stands behind one: what is right is read, what is wrong is said with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from opskit.config.balancers import Behind, LoadBalancer
from opskit.config.reading import parse
from opskit.errors import ConfigError

TOML = """
[environments.production]
hosts = ["web01.example.com", "lb01"]
groups.lb = "lb01"
[environments.production.load_balancers.edge]
hosts = "@lb"
socket = "/run/haproxy/admin.sock"
[services.shop]
path = "/srv/shop"
hosts = "web01.example.com"
source = { git = "." }
restart = "true"
"""


def read(line: str, *, text: str = TOML) -> Behind | None:
    config = parse(f"{text}{line}\n", Path("/fleet/opskit.toml"))
    return config.service("shop").load_balancer


def complaint(line: str, *, text: str = TOML) -> str:
    with pytest.raises(ConfigError) as caught:
        read(line, text=text)
    return f"{caught.value.what} | {caught.value.hint}"


def test_a_service_stands_behind_none_unless_it_says_so() -> None:
    assert read("") is None


def test_it_is_read_with_its_defaults() -> None:
    edge = LoadBalancer("edge", "@lb", "/run/haproxy/admin.sock")
    assert read('load_balancer = { name = "edge", backends = ["shop", "api"] }') == Behind(
        edge, ("shop", "api"), server="{host}", drain=30.0, restore=30.0
    )
    assert read('load_balancer = { name = "edge", backends = ["shop"], server = "{short}", drain = "5m", restore = 2 }') == Behind(
        edge, ("shop",), "{short}", 300.0, 2.0
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('load_balancer = { name = "edge" }', "`backends` is missing"),
        ('load_balancer = { backends = ["x"] }', "`name` is missing"),
        ('load_balancer = { name = "egde", backends = ["x"] }', "opskit.toml:13: services.shop.load_balancer.name: environment 'production' has no load balancer 'egde' | did you mean 'edge'?"),
        ('load_balancer = { name = "edge", backends = [] }', "the list is empty"),
        ('load_balancer = { name = "edge", backends = ["a;shutdown"] }', "entry 1: expected a backend of HAProxy: letters, digits and - _ . :, not 'a;shutdown'"),
        ('load_balancer = { name = "edge", backends = ["x"], server = "a b" }', 'expected a server of HAProxy, like "{host}"'),
        ('load_balancer = { name = "edge", backends = ["x"], drain = 0 }', "expected a time above 0"),
        ('load_balancer = { name = "edge", backends = ["x"], drian = 1 }', "did you mean 'drain'?"),
    ],
)  # fmt: skip
def test_a_mistake_is_said(line: str, said: str) -> None:
    assert said in complaint(line)


def test_its_socket_may_be_spoken_to_by_sudo() -> None:
    line = 'load_balancer = { name = "edge", backends = ["shop"] }'
    for said, user in (("true", "root"), ('"haproxy"', "haproxy"), ("false", "")):
        text = TOML.replace('admin.sock"', f'admin.sock"\nsudo = {said}')
        behind = read(line, text=text)
        assert behind
        assert behind.balancer.sudo == user


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("/run/haproxy/admin.sock", "admin.sock", "expected an absolute path"),
        ("/run/haproxy/admin.sock", "/run/a,b", "expected an absolute path"),
        ('hosts = "@lb"\n', "", "`hosts` is missing"),
        ("@lb", "@edge", "there is no group 'edge'"),
        ('socket = "/run', 'sokcet = "/run', "did you mean 'socket'?"),
    ],
)
def test_a_mistake_in_a_load_balancer_is_said(old: str, new: str, said: str) -> None:
    assert said in complaint("", text=TOML.replace(old, new))


def test_a_host_that_goes_back_by_itself_waits_for_its_load_balancer_too() -> None:
    health = 'confirm_within = "2m5s"'.replace("2m5s", "130s")
    assert read(health) is None
    behind = 'load_balancer = { name = "edge", backends = ["x"] }'
    assert "restart, health check and load balancers may take 150 s" in complaint(f"{health}\n{behind}")  # fmt: skip
