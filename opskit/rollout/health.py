"""Is the service healthy on a host? Asked through the SSH connection, until it is or time is up."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.config.service import CommandCheck, CommandStep, HttpCheck, TcpCheck
from opskit.errors import CommandFailedError, ConfigError, HostError, UnhealthyError
from opskit.fleet import sudo
from opskit.fleet.command import Command
from opskit.rollout import layout
from opskit.rollout.guarded import and_then

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opskit.config.secret import Secret
    from opskit.config.service import Health, Service
    from opskit.fleet.inventory import Host
    from opskit.fleet.remote import Remote
    from opskit.rollout.stop import Stop

MOST_PORTS = 65536


def wait_healthy(
    remote: Remote,
    health: Health,
    *,
    path: str,
    env: Mapping[str, str | Secret],
    stop: Stop,
    then: str = "",
) -> bool:
    """Return when the check holds, and has held for `health.settle` seconds.

    A command that holds does `then` at once; tells whether that was done. Raises UnhealthyError when the check did not
    hold within `health.within` seconds, or did not go on.
    """
    began, done = time.monotonic(), False
    while True:
        try:
            done = check_once(remote, health, path=path, env=env, then=then)
            break
        except HostError as error:
            last = error
        waited = time.monotonic() - began
        if waited + health.interval > health.within or stop.wait(health.interval):
            raise _unhealthy(remote, f"not healthy within {health.within:g} s", last) from None
    _demand_settled(remote, health, path=path, env=env, stop=stop)
    return done


def _demand_settled(
    remote: Remote,
    health: Health,
    *,
    path: str,
    env: Mapping[str, str | Secret],
    stop: Stop,
) -> None:
    """Look at it again for `health.settle` seconds; raises UnhealthyError at the first check that does not hold."""
    began = time.monotonic()
    while (left := began + health.settle - time.monotonic()) > 0:
        if stop.wait(min(health.interval, left)):
            return
        try:
            check_once(remote, health, path=path, env=env)
        except HostError as error:
            after = f"healthy at first, and {time.monotonic() - began:.1f} s later not any more"
            raise _unhealthy(remote, after, error) from None


def _unhealthy(remote: Remote, what: str, last: HostError) -> UnhealthyError:
    return UnhealthyError(remote.name, f"{what}: {last.what}", hint=last.hint, output=last.output)


def check_once(
    remote: Remote, health: Health, *, path: str, env: Mapping[str, str | Secret], then: str = ""
) -> bool:
    """Check once; tells whether `then` was done. Raises HostError that says what was wrong, UsageError for an address that is none."""
    match health.check:
        case HttpCheck() as check:
            _check_http(remote, check, timeout=health.timeout)
        case TcpCheck(address=written):
            address, port = _endpoint(filled(written, remote.host), remote)
            remote.tcp_open(address, port, timeout=health.timeout)
        case CommandCheck() as asked:
            command = in_current(path, asked, then=then)
            result = remote.execute(replace(command, env=env, timeout=health.timeout))
            return and_then(result, "the health command") and bool(then)
    return False


def in_current(
    path: str, step: CommandStep | CommandCheck, *, guarded: str = "", then: str = ""
) -> Command:
    """Give a service's own command, in its live release; `guarded` refuses it when the lock is lost.

    See `layout.run_in_current` for `then`, which is nothing for a command that runs by sudo.
    """
    if not step.sudo:
        return Command(layout.run_in_current(path, step.command, guarded=guarded, then=then))
    before = layout.enter_current(path, guarded=guarded)
    return Command(step.command, sudo=step.sudo, before=before)


def restart_alone(service: Service, names: Iterable[str]) -> str:
    """Give the text with which a host restarts a service by itself, "" if it has no command for that; `names` are variables of the service."""
    step = service.restart
    if not isinstance(step, CommandStep):
        return ""
    return sudo.unattended(step.command, names, user=step.sudo) if step.sudo else step.command


def describe(health: Health | None) -> str:
    """Say in one line what is checked."""
    if health is None:
        return "none: nothing tells a bad release from a good one"
    check = health.check
    if isinstance(check, HttpCheck):
        what = f"GET {check.url} gives {check.status}"
        what += f" and contains {check.contains!r}" if check.contains else ""
    elif isinstance(check, TcpCheck):
        what = f"{check.address} accepts a connection"
    else:
        by = f" by sudo as {check.sudo}" if check.sudo else ""
        what = f"`{check.command}`{by} ends with 0"
    settled = f", and for {health.settle:g} s from then on" if health.settle else ""
    return f"{what}, within {health.within:g} s{settled}"


def filled(text: str, host: Host) -> str:
    """Put a host's vars in place of `{name}`; raises ConfigError for one that the host lacks."""

    def value(match: re.Match[str]) -> str:
        known = {"host": host.name, **host.vars}
        if match[1] not in known:
            raise ConfigError(
                f"{host.name} has no var {match[1]!r} for {text}",
                hint=f'add vars = {{ {match[1]} = … }} to [hosts."{host.name}"] in opskit.toml',
            )
        return known[match[1]]

    return re.sub(r"\{(\w+)\}", value, text)


def _endpoint(written: str, remote: Remote) -> tuple[str, int]:
    address, _, port = written.rpartition(":")
    if not (address and port.isascii() and port.isdigit() and 0 < int(port[:6]) < MOST_PORTS):
        raise ConfigError(
            f"{written!r} of {remote.name} is no host and port",
            hint="look at the vars of the host and at `health.tcp` in opskit.toml",
        )
    return address.strip("[]"), int(port)


def _check_http(remote: Remote, check: HttpCheck, *, timeout: float) -> None:
    url = filled(check.url, remote.host)
    answer = remote.http_get(url, timeout=timeout)
    body = answer.body.decode("utf-8", "replace")
    if answer.status != check.status:
        what = f"{url} gave {answer.status}, expected {check.status}"
        raise CommandFailedError(remote.name, what, output=body[:1000])
    if check.contains not in body:
        what = f"{url} does not contain {check.contains!r}"
        raise CommandFailedError(remote.name, what, output=body[:1000])
