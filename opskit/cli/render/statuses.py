"""What the hosts run, as people and programs read it."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from opskit.cli.render import envelope, table, terminal, text
from opskit.cli.render.plans import title
from opskit.cli.render.runs import open_lines
from opskit.cli.render.text import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opskit.blame.bisect.holding import Holding
    from opskit.changelog import RunRecord
    from opskit.rollout.probe import HeldLock
    from opskit.rollout.status import HostStatus, ServiceStatus

HEADER = ("HOST", "STATE", "RUNS", "CHANGELOG SAYS", "BY", "")


def show(
    services: Sequence[ServiceStatus],
    runs: Sequence[RunRecord] = (),
    bisected: Sequence[Holding] = (),
    *,
    in_run: bool = False,
    as_json: bool,
) -> int:
    """Show services, what is open of runs of runbooks, and hosts that bisections have; gives 0 if all is well, else 1. Asked `in_run`, runs do not count."""
    from opskit.rollout.openruns import is_well

    well = all(service.well for service in services) and (in_run or all(map(is_well, runs)))
    well = well and all(each.goes_on for each in bisected)
    exit_code = 0 if well else 1
    if as_json:
        data = {
            "services": [_data(service) for service in services],
            "runs": [*map(_run, runs)],
            "bisected": list(bisected),
        }
        return envelope.show("status", data, exit_code=exit_code)
    for service in services:
        _show(service)
    if not services:
        text.say("no services: describe one in opskit.toml")
    for line in (*open_lines(runs), *(each.told for each in bisected)):
        text.say(terminal.visible(line, one_line=True), colour="yellow", wrap=True)
    return exit_code


def _show(service: ServiceStatus) -> None:
    text.say(f"{service.service} in {service.environment}", bold=True)
    table.show(HEADER, [_row(host) for host in service.hosts])
    for line in service.frozen.lines:
        text.say(line, colour="cyan")
    for line in trouble(service):
        text.say(line, colour="yellow")


def trouble(service: ServiceStatus) -> Iterator[str]:
    """Say what is open on the hosts of a service: locks, hosts out of load balancers, rollouts that never ended."""
    yield from _held(service.hosts)
    for seat, by in service.left_out:
        who = f"{by.action} {by.id} by {by.actor}"
        yield f"{seat.host} is out of {seat} since {who}: opskit lb {service.service}"
    for seat, word in service.taken_out:
        said = f"{seat.host} is in {word} in {seat}, by nobody known here"
        yield f"{said}: opskit lb {service.service}"
    for said in service.unasked:
        yield f"who is out of load balancers is not known: {said}"
    if service.remark:
        yield service.remark
    for rollout in service.unfinished:
        verb = "resume" if rollout.outcome == "unfinished" else "log"
        how = f"{rollout.action} {rollout.id} by {rollout.actor} is {rollout.outcome}"
        yield f"{how}: opskit {verb} {rollout.id}"


def _row(host: HostStatus) -> tuple[str | Status, ...]:
    said = host.recorded
    says = said.title if said else "-"
    by = said.rollout if said else "-"
    return (host.host, Status(host.verdict), title(host.live), says, by, host.note)


def _held(hosts: Sequence[HostStatus]) -> list[str]:
    """Say who holds which hosts, in one line for each who does."""
    from opskit.fleet.selectors import fold

    found: dict[str, list[str]] = {}
    first: dict[str, HeldLock] = {}
    for host in hosts:
        for lock in host.locks:
            found.setdefault(lock.owner, []).append(host.host)
            first.setdefault(lock.owner, lock)
    return [
        f"{fold(names)} {'is' if len(names) == 1 else 'are'} held by {_lock(first[owner])}"
        for owner, names in found.items()
    ]


def _lock(lock: HeldLock) -> str:
    since = time.strftime("%H:%M:%S", time.localtime(lock.since))
    until = time.strftime("%H:%M:%S", time.localtime(lock.until))
    why = f": {lock.why}" if lock.why else ""
    return f"{lock.actor}: {lock.action} {lock.rollout} since {since}, at most until {until}{why}"


def _data(service: ServiceStatus) -> dict[str, object]:
    return {
        "service": service.service,
        "environment": service.environment,
        "well": service.well,
        "remark": service.remark,
        "hosts": [asdict(host) for host in service.hosts],
        "freezes": [asdict(freeze) for freeze in service.frozen.freezes],
        "left_out": [{**s.body(), "rollout": by.id} for s, by in service.left_out],
        "taken_out": [{**s.body(), "state": word} for s, word in service.taken_out],
        "load_balancers_unasked": list(service.unasked),
        "unfinished": [
            {
                "rollout": r.id,
                "action": r.action,
                "actor": r.actor,
                "outcome": r.outcome,
                "at": r.at,
            }
            for r in service.unfinished
        ],
    }


def _run(record: RunRecord) -> dict[str, object]:
    names = (
        "runbook",
        "title",
        "actor",
        "people",
        "services",
        "environment",
        "incident",
        "at",
        "outcome",
    )
    return {
        "run": record.id,
        **{name: getattr(record, name) for name in names},
        "liabilities": [owed._asdict() for owed in record.liabilities],
    }
