"""What the doctor says: findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from opskit.errors import OpskitError

Level = Literal["ok", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    `area` is what it belongs to (configuration, keys, agent, known hosts, hosts, clock, changelog, load balancers), `hosts` the
    inventory names that it is about, none for this machine. `hint` says what to do unless `level` is "ok".
    """

    area: str
    level: Level
    what: str
    hint: str = ""
    hosts: tuple[str, ...] = ()


def failed(area: str, error: OpskitError, *hosts: str) -> Finding:
    """Give an error as a finding."""
    return Finding(area, "bad", error.what, error.hint, hosts)
