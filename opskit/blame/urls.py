"""An address that people use, fetched from this machine: what it answers is a symptom, and which service stands behind it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import SplitResult, urlsplit

from opskit.blame.said import clean
from opskit.config.service import HttpCheck, TcpCheck
from opskit.errors import ConfigError, UsageError
from opskit.rollout.health import filled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opskit.blame.gather import Place
    from opskit.config.service import Service
    from opskit.fleet.inventory import Host, Inventory

TIMEOUT = 8.0
MOST_BYTES = 64 * 1024
MOST_SHOWN = 4000
BAD = 400
_USER = re.compile(r"//[^/]*@")
PORTS = {"http": 80, "https": 443}


class _Readable(Protocol):
    def read1(self, n: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address answered: its status (0: it did not), and that in words with the beginning of what came."""

    url: str
    status: int
    text: str

    @property
    def is_bad(self) -> bool:
        """Whether it shows that something is wrong."""
        return not 0 < self.status < BAD


@dataclass(frozen=True, slots=True)
class Behind:
    """What stands behind an address: services, and the one host that it names (none: a load balancer, or nobody knows)."""

    services: tuple[str, ...] = ()
    host: str = ""


def fetch(url: str) -> Fetched:
    """Fetch an address as a person would, and follow where it leads; raises UsageError for what is no http address."""
    import urllib.error
    import urllib.request
    from http.client import HTTPException

    if "@" in _parts(url).netloc:
        raise UsageError(
            f"--url {_bare(url)}: a user and a password are not taken",
            hint="give the address without them, and what the page says with --symptom",
        )
    end = time.monotonic() + TIMEOUT
    request = urllib.request.Request(url, headers={"User-Agent": "opskit"})  # noqa: S310 - http(s) only, see above
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            return _told(url, answer.status, answer.reason, _beginning(answer, end))
    except urllib.error.HTTPError as error:
        with error:
            return _told(url, error.code, error.reason, _beginning(error, end))
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        return Fetched(url, 0, clean(f"{_bare(url)}: no answer: {reason}"))


def _beginning(answer: _Readable, end: float) -> bytes:
    """Read what comes until `end` (monotonic), at most MOST_BYTES: a page that drips is not waited for."""
    said = b""
    while len(said) < MOST_BYTES and time.monotonic() < end:
        try:
            piece = answer.read1(MOST_BYTES - len(said))
        except TimeoutError:
            break
        if not piece:
            break
        said += piece
    return said


def behind(url: str, place: Place, inventory: Inventory) -> Behind:
    """Give which services of a place an address is of: those that listen there on the host that it names, else those whose health check has its port and path."""
    parts = _parts(url)
    hosts = inventory.hosts
    name, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    there = [host for host in hosts.values() if name in (host.name, host.address)]
    services = [(s, list(_listens(s, place, hosts))) for s in place.services.values()]
    exact = {
        (s.name, host)
        for s, at in services
        for host, p, _ in at
        if p == port and host in {h.name for h in there}
    }
    if exact:
        named = {host for _, host in exact}
        return Behind(tuple(sorted({s for s, _ in exact})), named.pop() if len(named) == 1 else "")
    balanced = tuple(
        s.name for s, _ in services if s.load_balancer and _is_balancer(name, s, inventory)
    )
    if balanced:
        return Behind(balanced)
    path = parts.path or "/"
    same = tuple(
        s.name
        for s, at in services
        if any(p == port and path.startswith(_folder(u)) for _, p, u in at)
    )
    only = tuple(place.services) if len(place.services) == 1 else ()
    return Behind(same or only, there[0].name if len(there) == 1 else "")


def _listens(
    service: Service, place: Place, hosts: Mapping[str, Host]
) -> Iterator[tuple[str, int, str]]:
    """Give on which hosts and ports a service listens, and the path of its health check, as that says."""
    check = service.health.check if service.health else None
    for name in place.lives.get(service.name, ()):
        try:
            if isinstance(check, HttpCheck):
                parts = _parts(filled(check.url, hosts[name]))
                yield name, parts.port or PORTS[parts.scheme], parts.path or "/"
            elif isinstance(check, TcpCheck):
                yield name, int(filled(check.address, hosts[name]).rpartition(":")[2]), "/"
        except (ConfigError, UsageError, ValueError, KeyError):
            continue


def _is_balancer(name: str, service: Service, inventory: Inventory) -> bool:
    """Tell whether a name is that of a host on which the load balancer before a service runs."""
    if service.load_balancer is None:
        return False
    balancers = inventory.select(service.load_balancer.balancer.hosts)
    return any(name in (host.name, host.address) for host in balancers)


def _folder(path: str) -> str:
    return path.rsplit("/", 1)[0] + "/"


def _parts(url: str) -> SplitResult:
    parts = SplitResult("", "", "", "", "")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(ord(character) <= 0x20 for character in url):
        raise UsageError(
            f"{_USER.sub('//…@', url)!r} is no http address",
            hint="like --url https://shop.example.com/cart",
        )
    return parts


def _bare(url: str) -> str:
    """Give an address without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _told(url: str, status: int, reason: str, body: bytes) -> Fetched:
    text = body.decode("utf-8", "replace")
    if "<" in text[:200]:
        text = re.sub(r"(?is)<(script|style)\b.*?</\1>|<[^>]*>", " ", text)
        text = re.sub(r"[ \t]+", " ", text)
    words = f"GET {_bare(url)} gave {status} {reason}\n{text.strip()}"
    return Fetched(url, status, clean(words)[:MOST_SHOWN])
