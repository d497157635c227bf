"""Whether systemd on a host knows the units that services restart."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from opskit.config import systemd
from opskit.config.service import CommandStep
from opskit.fleet.command import Command
from opskit.rollout.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opskit.config.service import Service
    from opskit.fleet.remote import Remote


def unknown(remote: Remote, services: Sequence[Service]) -> Mapping[str, str]:
    """Give the unit that a host's systemd does not know by the service that restarts it; raises HostError."""
    asked = {service.name: script for service in services if (script := _ask(service))}
    if not asked:
        return {}
    lines = (
        f"({script}) >/dev/null 2>&1 || printf '%s\\n' {shlex.quote(name)}"
        for name, script in asked.items()
    )
    said = remote.execute(Command("\n".join(lines), timeout=60)).require("a look at the units")
    units = {service.name: service.restart.unit for service in services if isinstance(service.restart, CommandStep)}  # fmt: skip
    return {name: units[name] for name in said.text.splitlines() if name in units}


def findings_of(host: str, found: Mapping[str, str]) -> Iterator[Finding]:
    """Say which units a host does not know."""
    for service, unit in found.items():
        what = f"{service}: systemd there knows no unit {unit}"
        hint = f"install it there (systemctl cat {unit}), or see services.{service}.restart in opskit.toml"
        yield Finding("hosts", "bad", what, hint, (host,))


def _ask(service: Service) -> str:
    """Give the sh text that ends with 0 if the unit is known, "" for a service that restarts none.

    The unit of a user that is not who logs in is left out: sudo may want a password for a look at it.
    """
    step = service.restart
    if not isinstance(step, CommandStep) or not step.unit or (step.of_user and step.sudo):
        return ""
    if step.of_user:
        return f"{systemd.manager()}; systemctl --user cat {shlex.quote(step.unit)}"
    return f"systemctl cat {shlex.quote(step.unit)}"
