"""Rollouts that only hosts remember: written into the changelog again, as far as their receipts tell.

The event is of kind `rollout.recovered`, with the rollout's own id, service, environment and action; its body is

    {"at": ms, "actor": who rolled out, "hosts": [{"name", "from", "to", "tried", "at"}, ...],
     "receipt": {"writer", "seq", "hash"}}

`from` is what a host ran before and `to` what it was left with; `tried` is there if it was put back: what it was to run.

A host that was not asked then may be asked later: its part is written by another such event. What stood in the lost events beyond that (the reason, results, output, commits) is gone. Should they turn up again, by a
sync or an import, they have the first word and this adds nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opskit.changelog import Changelog
    from opskit.config.service import Service
    from opskit.rollout.witness import Receipt

RECOVERED = "rollout.recovered"


def recover(
    *, service: Service, receipts: Iterable[Receipt], changelog: Changelog
) -> tuple[str, ...]:
    """Write every rollout that receipts name and the changelog lacks, on these hosts; gives their ids, the oldest first.

    Safe to run twice. Raises ChangelogError.
    """
    written = []
    for rollout, receipts_of_it in _by_rollout(receipts).items():
        known = recorded_hosts(changelog, rollout)
        found = [each for each in receipts_of_it if known is not None and each.host not in known]
        if not found:
            continue
        changelog.append(
            RECOVERED,
            _body(found),
            service=service.name,
            environment=service.environment,
            rollout=rollout,
            action=found[0].action[:50],
        )
        written.append(rollout)
    return tuple(written)


def _by_rollout(receipts: Iterable[Receipt]) -> Mapping[str, Sequence[Receipt]]:
    found: dict[str, list[Receipt]] = {}
    for receipt in sorted(receipts, key=lambda receipt: (receipt.at, receipt.host)):
        found.setdefault(receipt.rollout, []).append(receipt)
    return found


def _body(receipts: Sequence[Receipt]) -> dict[str, object]:
    first = receipts[0]
    hosts: dict[str, list[Receipt]] = {}
    for receipt in receipts:
        hosts.setdefault(receipt.host, []).append(receipt)
    return {
        "at": first.at,
        "actor": first.actor[:200],
        "hosts": [_host(told) for told in hosts.values()],
        "receipt": {"writer": first.writer, "seq": first.seq, "hash": first.hash},
    }


def _host(receipts: Sequence[Receipt]) -> dict[str, object]:
    """Tell what one host tells, the oldest first; one that was put back has a receipt of that, too."""
    first, last = receipts[0], receipts[-1]
    back = len(receipts) > 1 and last.to == first.before != first.to
    return {
        "name": first.host,
        "from": first.before[:200],
        "to": last.to[:200],
        **({"tried": first.to[:200]} if back else {}),
        "at": last.at,
    }


def recorded_hosts(changelog: Changelog, rollout: str) -> frozenset[str] | None:
    """Give the hosts of a rollout that was recovered, none if it is not here; None if its own writer's events are."""
    try:
        record = changelog.rollout(rollout)
    except UnknownNameError:
        return frozenset()
    if record.id != rollout:
        return frozenset()
    return frozenset(host.name for host in record.hosts) if record.outcome == "recovered" else None
