"""What the hosts themselves say: reachable, a POSIX sh, its tools, disk, locks, and the clock."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from opskit.config.model import NOTHING
from opskit.fleet.command import Command
from opskit.rollout import layout
from opskit.rollout.doctor import units
from opskit.rollout.doctor.finding import Finding, failed
from opskit.rollout.doctor.words import span
from opskit.rollout.probe import probe, unfit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opskit.config.service import Service
    from opskit.fleet.command import Outcome
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote
    from opskit.rollout.probe import HostState

LEAST_FREE_KIB = 512 * 1024
CLOCK_LIMIT = 5.0

LOOK = rf"""
printf 'now %s\n' "$(date +%s)"
{layout.lacking()}
if ! command -v mktemp >/dev/null; then :
elif d=$(mktemp -d); then
  ln -s a "$d/a"; ln -s b "$d/b"
  mv -T "$d/a" "$d/b" 2>/dev/null || mv -h "$d/a" "$d/b" 2>/dev/null || printf 'lacks mv -T or mv -h\n'
  rm -rf "$d"
else
  printf 'lacks room in its folder for temporary files\n'
fi
printf 'end\n'
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What one host said: `ahead` is by how many seconds its clock is ahead of ours, `states` by service, `units` those that it does not know by service."""

    host: str
    ahead: float
    lacks: tuple[str, ...]
    states: Mapping[str, HostState]
    units: Mapping[str, str] = NOTHING


def check_hosts(fleet: Fleet, services: Mapping[str, Sequence[Service]]) -> Iterator[Finding]:
    """Look at the hosts that are the keys of `services`; its values are the services that live there.

    Gives findings as hosts answer, those on the clocks last.
    """
    looks: dict[str, Look] = {}
    ill: set[str] = set()
    for outcome in fleet.each(lambda remote: look(remote, services[remote.name]), services):
        if outcome.value is not None:
            looks[outcome.host] = outcome.value
        for finding in _found(outcome):
            ill.update(finding.hosts if finding.level == "bad" else ())
            yield finding
    well = tuple(host for host in services if host not in ill)
    if well:
        yield Finding("hosts", "ok", "reachable, with sh and the tools for a deploy", hosts=well)
    yield from check_clocks({host: seen.ahead for host, seen in looks.items()})


def _found(outcome: Outcome[Look]) -> Iterator[Finding]:
    if outcome.error is not None:
        yield failed("hosts", outcome.error, outcome.host)
    if outcome.value is not None:
        yield from findings_of(outcome.value)


def look(remote: Remote, services: Sequence[Service]) -> Look:
    """Look at one host; raises HostError."""
    remote.execute(Command("true", timeout=60, twice=True)).require("/bin/sh")
    before = time.time()
    result = remote.execute(Command(LOOK, timeout=60, twice=True)).require("a look at the host")
    after = time.time()
    lines = [line.partition(" ") for line in result.text.splitlines()]
    said = next((value for word, _, value in lines if word == "now"), "")
    ahead = ahead_of(said, before, after)
    lacks = tuple(value for word, _, value in lines if word == "lacks")
    states = {service.name: probe(remote, path=service.path) for service in services}
    return Look(remote.name, ahead, lacks, states, units.unknown(remote, services))


def ahead_of(said: str, before: float, after: float) -> float:
    """Give by how many seconds a host's clock is at least ahead of ours, behind if negative, where it `said` its time between two of ours."""
    if not (said.isascii() and said.isdigit()):
        return 0.0
    # The host's seconds are cut off, so half a second is added on average.
    off = int(said) + 0.5 - (before + after) / 2
    return math.copysign(max(0.0, abs(off) - (after - before) / 2), off)


def findings_of(seen: Look) -> Iterator[Finding]:
    """Say what a host lacks, and what stands in the way of its services; nothing if it is well."""
    for what in seen.lacks:
        yield Finding("hosts", "bad", f"lacks {what}", "install it on the host", (seen.host,))
    for name, state in seen.states.items():
        yield from _state(name, state)
    yield from units.findings_of(seen.host, seen.units)


def _state(service: str, state: HostState) -> Iterator[Finding]:
    why = "" if state.lacks else unfit(state)
    if why:
        hint = f"see services.{service}.path in opskit.toml, and the login user's rights"
        yield Finding("hosts", "bad", f"{service}: {why}", hint, (state.host,))
    elif state.free < LEAST_FREE_KIB:
        what = f"{service}: only {state.free // 1024} MiB free"
        yield Finding("hosts", "warn", what, "make room, or keep fewer releases", (state.host,))
    for lock in state.locks:
        what = f"{service}: held by rollout {lock.rollout} ({lock.action}) of {lock.actor}"
        yield Finding("hosts", "warn", what, "wait for it, or ask", (state.host,))


def check_clocks(ahead: Mapping[str, float]) -> Iterator[Finding]:
    """Say whose clock is off, from how many seconds each host's is ahead of this machine's."""
    if not ahead:
        return
    ours = -median(ahead.values())
    if abs(ours) > CLOCK_LIMIT and len(ahead) > 1:
        what = f"this machine's clock is {_by(ours)} most of the {len(ahead)} hosts'"
        hint = "is NTP running here? without an upstream, times in the changelog are off by that"
        yield Finding("clock", "warn", what, hint)
    reference = -ours if len(ahead) > 1 else 0.0
    off = {
        host: value - reference
        for host, value in ahead.items()
        if abs(value - reference) > CLOCK_LIMIT
    }
    for host, value in off.items():
        whose = "the others'" if len(ahead) > 1 else "this machine's"
        yield Finding(
            "clock", "warn", f"the clock is {_by(value)} {whose}", "is NTP running there?", (host,)
        )
    if not off and abs(ours) <= CLOCK_LIMIT:
        yield Finding("clock", "ok", f"all clocks agree within {CLOCK_LIMIT:g} s")


def _by(seconds: float) -> str:
    return f"{span(abs(seconds))} {'ahead of' if seconds > 0 else 'behind'}"
