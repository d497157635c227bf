"""Load balancers of an environment, and how a service stands behind one."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from opskit.config import checks
from opskit.config.lookup import did_you_mean
from opskit.config.steps import sudo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.config.model import Environment
    from opskit.config.table import Table

_SOCKET = r"/[A-Za-z0-9._/@+-]{1,100}"
_HAPROXY = r"[A-Za-z0-9_.:-]{1,100}"
_SERVER = r"([A-Za-z0-9_.:-]|\{\w+\}){1,100}"


class LoadBalancer(NamedTuple):
    """HAProxy on every host of the selector `hosts`; `socket` is its runtime socket there, spoken to as the user `sudo`, if one is named."""

    name: str
    hosts: str
    socket: str
    sudo: str = ""


class Behind(NamedTuple):
    """How a service stands behind a load balancer: as `server`, filled in for each host, of each of `backends`.

    Times in seconds: `drain` for the sessions of a server to end, `restore` until the load balancer says that it is up again.
    """

    balancer: LoadBalancer
    backends: tuple[str, ...]
    server: str = "{host}"
    drain: float = 30.0
    restore: float = 30.0


def read_balancers(table: Table) -> Mapping[str, LoadBalancer]:
    """Give the load balancers of an environment by their names; raises ConfigError."""
    given: Mapping[str, Any] = {"hosts": checks.selector, "socket": socket, "sudo": sudo}
    found: dict[str, LoadBalancer] = {}
    for name, inner in table.tables("load_balancers", checks.name).items():
        inner.only(given)
        found[name] = LoadBalancer(name, **inner.read(given, required=("hosts", "socket")))
    return MappingProxyType(found)


def read_behind(table: Table, environment: Environment) -> Behind:
    """Give how a service stands behind a load balancer of an environment; raises ConfigError."""
    plain: Mapping[str, Any] = {
        "name": checks.name,
        "backends": checks.list_of(haproxy_name, least=1),
        "server": server,
        "drain": checks.duration,
        "restore": checks.duration,
    }
    table.only(plain)
    given = table.read(plain, required=("name", "backends"))
    name, known = given.pop("name"), environment.load_balancers
    if name not in known:
        hint = did_you_mean(name, known) or (
            f'add [environments.{environment.name}.load_balancers.{name}] with hosts = "lb01" and socket = "/run/haproxy/admin.sock"'
        )
        raise table.error(
            "name", f"environment {environment.name!r} has no load balancer {name!r}", hint=hint
        )
    return Behind(known[name], **given)


def socket(value: Any) -> str:
    """Check the path of a socket on a host: it ends up on command lines of tools that give some characters a meaning."""
    path = checks.text(value)
    if not re.fullmatch(_SOCKET, path):
        checks.wrong('an absolute path like "/run/haproxy/admin.sock"', value)
    return path


def haproxy_name(value: Any) -> str:
    """Check the name of a backend, as HAProxy allows it."""
    if not isinstance(value, str) or not re.fullmatch(_HAPROXY, value):
        checks.wrong("a backend of HAProxy: letters, digits and - _ . :", value)
    return value


def server(value: Any) -> str:
    """Check the name of a server, in which `{host}`, `{short}` or a host's var may stand."""
    if not isinstance(value, str) or not re.fullmatch(_SERVER, value):
        checks.wrong('a server of HAProxy, like "{host}", "{short}" or "app-{number}"', value)
    return value
