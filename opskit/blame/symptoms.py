"""What is ill at this moment: each service's own health check on its hosts, and what they run, asked at once and bounded in time."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from opskit.blame.looked import Looked, Seen
from opskit.blame.touched import touched
from opskit.config.service import CommandCheck, HttpCheck
from opskit.errors import (
    CommandFailedError,
    ConnectionLostError,
    HostError,
    HostKeyError,
    HostUnfitError,
    LoginError,
    OpskitError,
    SudoError,
    UnreachableError,
    UsageError,
)
from opskit.rollout.edits import probe
from opskit.rollout.environ import commands_environment
from opskit.rollout.health import check_once, filled
from opskit.rollout.secrets import Reader, missing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from opskit.blame.gather import Place
    from opskit.config.secret import Secret
    from opskit.config.service import Service
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote

LIMIT = 12.0
"""Seconds after which hosts that have not answered are left alone."""
MOST_SAID = 4000
"""Characters of what one check said."""
UNTOLD = (UnreachableError, LoginError, HostKeyError, ConnectionLostError, SudoError, HostUnfitError, UsageError)  # fmt: skip
"""What says nothing of a service: it was not asked."""
NO_CHECK = "it has no health check"
BAD = 400
"""The status from which on an answer is an error."""
AT_HAND = ("environment", "file")


def look(
    fleet: Fleet,
    place: Place,
    services: Sequence[str],
    hosts: Sequence[str],
    *,
    folder: Path,
    page: str = "",
    and_check: bool = False,
    below: Sequence[str] = (),
) -> Looked:
    """Ask each of `hosts` that one of `services` lives on; changes nothing, takes `LIMIT` seconds at most.

    `folder` is that of opskit.toml. Secrets of a check that would have to be asked for are not, and then nothing is known. With a `page`, the
    path of an address that people use, that is asked for instead, where a service answers HTTP; not of those `below`, which are asked beside the others.
    With `and_check`, whoever is asked for the page is asked for the health check, too, and is seen twice.
    """
    wanted = [place.services[name] for name in (*services, *below)]
    checks = {service.name: _secrets(service, folder) for service in wanted}
    there = [h for h in hosts if any(h in place.lives.get(s.name, ()) for s in wanted)]

    def work(remote: Remote) -> tuple[Seen, ...]:
        mine = [s for s in wanted if remote.name in place.lives.get(s.name, ())]
        pages = dict.fromkeys(services, page)
        return tuple(
            seen
            for s in mine
            for seen in _ask(remote, s, checks[s.name], pages.get(s.name, ""), and_check=and_check)
        )

    timer = threading.Timer(LIMIT, fleet.cancel)
    timer.daemon = True
    timer.start()
    seen: list[Seen] = []
    silent: dict[str, str] = {}
    try:
        for outcome in fleet.each(work, there):
            seen += outcome.value or ()
            if outcome.error:
                silent[outcome.host] = (
                    f"no answer within {LIMIT:g} s" if fleet.cancelled else outcome.error.what
                )
    finally:
        timer.cancel()
        timer.join()  # it may have begun to cancel just now
        fleet.resume()
    order = {host: number for number, host in enumerate(there)}
    return Looked(tuple(sorted(seen, key=lambda each: order[each.host])), silent)


def _ask(
    remote: Remote,
    service: Service,
    secrets: Mapping[str, Secret] | None,
    page: str,
    *,
    and_check: bool,
) -> tuple[Seen, ...]:
    """Ask about one service; raises OpskitError if the host itself cannot be asked."""
    state = None
    try:
        state = probe(remote, path=service.path)
    except UNTOLD as error:
        if not isinstance(error, HostUnfitError):
            raise
    seen = Seen(service.name, remote.name, state)
    if seen.is_bare:
        return (replace(seen, said="nothing of it is deployed there"),)
    seen = replace(seen, touched=touched(remote, service.path, state) if state else None)
    if secrets is None:
        why = "its health check was not made: it needs a secret that would have to be asked for"
        return (replace(seen, said=why),)
    first = _checked(seen, remote, service, secrets, page=page)
    if not (and_check and first.asked):
        return (first,)
    return first, _checked(seen, remote, service, secrets, page="")


def _checked(
    seen: Seen,
    remote: Remote,
    service: Service,
    secrets: Mapping[str, Secret],
    *,
    page: str,
) -> Seen:
    """Give what is seen, with what the service's own check says now; raises HostError if the fleet is cancelled meanwhile."""
    env = commands_environment(
        service,
        release=seen.state.current if seen.state else None,
        rollout="",
        host=remote.name,
        variables=remote.host.vars,
        secrets=secrets,
    )
    health = service.health
    if health is None:
        return replace(seen, said=NO_CHECK)
    check = health.check
    seen = replace(seen, asked=page if isinstance(check, HttpCheck) else "")
    try:
        if page and isinstance(check, HttpCheck):
            _demand_page(remote, check, page, timeout=health.timeout)
        else:
            check_once(remote, health, path=service.path, env=env)
    except UNTOLD as error:
        return replace(seen, said=f"its health check could not be made: {error.what}")
    except HostError as error:
        if remote.running.cancelled:
            raise
        said = "\n".join(filter(None, (error.what, error.output)))
        return replace(seen, well=False, said=said[:MOST_SAID])
    return replace(seen, well=True)


def _demand_page(remote: Remote, check: HttpCheck, page: str, *, timeout: float) -> None:
    """Ask for a page of a service that answers HTTP, as the host sees it; raises HostError for one that is broken."""
    parts = urlsplit(filled(check.url, remote.host))
    url = urlunsplit((parts.scheme, parts.netloc, page, "", ""))
    answer = remote.http_get(url, timeout=timeout)
    if answer.status >= BAD:
        said = answer.body.decode("utf-8", "replace")
        raise CommandFailedError(remote.name, f"{url} gave {answer.status}", output=said)


def _secrets(service: Service, folder: Path) -> Mapping[str, Secret] | None:
    """Give the secrets that a service's check gets, None if one of them is not at hand."""
    if service.health is None or not isinstance(service.health.check, CommandCheck):
        return {}
    sources = service.secrets
    if any(at.kind not in AT_HAND or missing(at) for at in sources.values()):
        return None
    try:
        return Reader(folder).all(sources)
    except OpskitError:
        return None
