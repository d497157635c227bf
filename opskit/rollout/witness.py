"""Hosts as witnesses: the receipts that rollouts left there, against what the changelog says.

A receipt is a line of JSON that a rollout appends to `<path>/.opskit/receipts` on a host before it changes
anything there: {"writer", "seq", "hash", "actor", "rollout", "action", "from", "to", "at"}. The first three
name the `rollout.started` event, or the `rollout.resumed` one if it was resumed; `at` is in milliseconds by the clock of the laptop.

A host may lose its receipts, as when it is made anew. Where the oldest that it has is of a known rollout, what is older and
left none is no doubt, but a remark: the next deploy or restart mends a host whose receipts are gone.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog import Filter
from opskit.fleet.command import Command
from opskit.rollout import edits, layout
from opskit.rollout.recover import recorded_hosts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opskit.changelog import Changelog, RolloutRecord
    from opskit.config.service import Service
    from opskit.errors import OpskitError
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote

CHANGES = ("deploy", "rollback", "restart")  # what leaves a receipt
MOST_ROLLOUTS = 1000
UNKNOWN, OTHER, UNRECORDED, UNCONFIRMED = "unknown", "other event", "unrecorded", "unconfirmed"
ALTERED, NOT_COMPARED, LATER = "altered", "not compared", "begins later"

_HASH = re.compile(r"[0-9a-f]{64}")
_ROLLOUT = re.compile(r"[0-9a-z]{4,32}")


@dataclass(frozen=True, slots=True)
class Receipt:
    """One line of a host; `seq` is 0 and `writer` and `hash` are "" if that rollout could not be recorded."""

    host: str
    rollout: str
    action: str
    actor: str
    before: str
    to: str
    at: int
    writer: str = ""
    seq: int = 0
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Doubt:
    """What a host and the changelog do not say alike.

    `kind`: unknown (the host was changed by a rollout that the changelog lacks), other event (the
    changelog holds something else at that place), unrecorded (the rollout left no event), unconfirmed
    (the changelog says that a rollout changed the host, and the host knows nothing of it), altered (files of the live
    release are not those that were deployed; `rollout` is ""), not compared (nobody can tell). As a remark: begins later (the
    receipts of the host begin with `rollout`, though older ones changed it).
    """

    host: str
    kind: str
    rollout: str
    what: str


@dataclass(frozen=True, slots=True)
class Testimony:
    """What the hosts of one service said: their receipts, the doubts, the errors of those that did not answer.

    `remarks` are what is told and makes no doubt.
    """

    service: str
    environment: str
    receipts: tuple[Receipt, ...]
    doubts: tuple[Doubt, ...]
    errors: Mapping[str, OpskitError]
    remarks: tuple[Doubt, ...] = ()


def hear(
    *, service: Service, hosts: Sequence[str], fleet: Fleet, changelog: Changelog
) -> Testimony:
    """Read the receipts and the live release of every host of a service and compare; changes nothing. Raises ChangelogError."""
    receipts, errors = collect(fleet, hosts, path=service.path)
    altered, unread = _of_files(fleet, list(receipts), path=service.path)
    recorded = changelog.rollouts(
        Filter(service=service.name, environment=service.environment, limit=MOST_ROLLOUTS)
    )
    doubts = [doubt for host in receipts for doubt in _of_receipts(receipts[host], changelog)]
    remarks: list[Doubt] = []
    for host, told in receipts.items():
        missing = list(_of_rollouts(host, told, recorded))
        older = _older_than_all(told, missing, recorded)
        doubts += [doubt for doubt, _ in missing if doubt not in older]
        remarks += _begins_later(host, told, older)
    found = tuple(receipt for each in receipts.values() for receipt in each)
    doubts += altered
    return Testimony(
        service.name,
        service.environment,
        found,
        tuple(doubts),
        {**errors, **unread},
        tuple(remarks),
    )


def _of_files(
    fleet: Fleet, hosts: Sequence[str], *, path: str
) -> tuple[list[Doubt], Mapping[str, OpskitError]]:
    """Read every file of the live releases; give what is not as it was deployed, and the hosts that did not answer."""
    doubts: dict[str, Doubt] = {}
    errors: dict[str, OpskitError] = {}
    for outcome in fleet.each(lambda remote: edits.probe(remote, path=path, whole=True), hosts):
        if outcome.error:
            errors[outcome.host] = outcome.error
        elif outcome.value and outcome.value.live and (seen := outcome.value.edits):
            if seen.drift:
                what = f"changed by hand in its live release: {seen.drift}"
                doubts[outcome.host] = Doubt(outcome.host, ALTERED, "", what)
            elif not seen.looked:
                what = "the files of its live release could not be compared with a manifest"
                doubts[outcome.host] = Doubt(outcome.host, NOT_COMPARED, "", what)
    return [doubts[host] for host in hosts if host in doubts], errors


def collect(
    fleet: Fleet, hosts: Sequence[str], *, path: str
) -> tuple[Mapping[str, Sequence[Receipt]], Mapping[str, OpskitError]]:
    """Give the receipts of every host that answered, the oldest first, and the errors of the others."""
    found: dict[str, Sequence[Receipt]] = {}
    errors: dict[str, OpskitError] = {}
    for outcome in fleet.each(lambda remote: _read(remote, path), hosts):
        if outcome.error:
            errors[outcome.host] = outcome.error
        else:
            found[outcome.host] = outcome.value or ()
    return {host: found[host] for host in hosts if host in found}, errors


def read_receipts(host: str, text: str) -> tuple[Receipt, ...]:
    """Read the lines that `layout.receipts` printed; what no rollout would have written is left out."""
    return tuple(filter(None, (_receipt(host, line) for line in text.splitlines())))


def _read(remote: Remote, path: str) -> tuple[Receipt, ...]:
    done = remote.execute(Command(layout.receipts(path), timeout=60, twice=True))
    return read_receipts(remote.name, done.require("reading receipts").text)


def _receipt(host: str, line: str) -> Receipt | None:
    try:
        said = json.loads(line)
        rollout, at, seq = said["rollout"], said["at"], said["seq"]
        words = [said[name] for name in ("action", "actor", "from", "to", "writer", "hash")]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    numbers = all(isinstance(n, int) and 0 <= n < 2**53 for n in (at, seq))
    if not numbers or not all(isinstance(word, str) for word in (rollout, *words)):
        return None
    action, actor, before, to, writer, digest = words
    if not _ROLLOUT.fullmatch(rollout) or not all(
        _HASH.fullmatch(h) for h in (writer, digest) if h
    ):
        return None
    return Receipt(host, rollout, action, actor, before, to, at, writer, seq, digest)


def _of_receipts(receipts: Iterable[Receipt], changelog: Changelog) -> Iterable[Doubt]:
    """Give what the changelog lacks or says otherwise; each rollout once. What was recovered from a host is no doubt about it."""
    for receipt in {receipt.rollout: receipt for receipt in receipts}.values():
        what = f"{receipt.action} {receipt.rollout} by {receipt.actor}"
        if not receipt.hash:
            if not _is_recorded(receipt, changelog):
                yield Doubt(
                    receipt.host, UNRECORDED, receipt.rollout, f"{what} was never recorded"
                )
            continue
        held = changelog.hash_at(receipt.writer, receipt.seq)
        if held is None and not _is_recorded(receipt, changelog):
            lacks = f"{what} changed it, and this changelog does not know of that"
            yield Doubt(receipt.host, UNKNOWN, receipt.rollout, lacks)
        elif held is not None and held.hex() != receipt.hash:
            other = f"{what}: the changelog holds another event at that place ({held.hex()[:10]})"
            yield Doubt(receipt.host, OTHER, receipt.rollout, other)


def _is_recorded(receipt: Receipt, changelog: Changelog) -> bool:
    """Tell whether the changelog knows, without the event that a receipt names, that this rollout changed this host."""
    known = recorded_hosts(changelog, receipt.rollout)
    return known is None or receipt.host in known


def _of_rollouts(
    host: str, receipts: Sequence[Receipt], recorded: Iterable[RolloutRecord]
) -> Iterable[tuple[Doubt, RolloutRecord]]:
    """Give the rollouts that are said to have changed the host, and that left no receipt there."""
    known = {receipt.rollout for receipt in receipts}
    whole = len(receipts) < layout.MOST_RECEIPTS
    since = 0 if whole else min(receipt.at for receipt in receipts)
    for record in recorded:
        done = any(h.name == host and h.outcome == "done" for h in record.hosts)
        wanted = done and record.action in CHANGES and record.at.timestamp() * 1000 >= since
        if wanted and record.id not in known:
            what = f"{record.action} {record.id} by {record.actor}: the host does not confirm it"
            yield Doubt(host, UNCONFIRMED, record.id, what), record


def _older_than_all(
    receipts: Sequence[Receipt],
    missing: Iterable[tuple[Doubt, RolloutRecord]],
    recorded: Iterable[RolloutRecord],
) -> list[Doubt]:
    """Give the rollouts that left no receipt and are older than the first rollout that did, if that one is known."""
    first = receipts[0].rollout if receipts else ""
    begins = next((record for record in recorded if record.id == first), None)
    return [doubt for doubt, record in missing if begins and record.at < begins.at]


def _begins_later(
    host: str, receipts: Sequence[Receipt], older: Sequence[Doubt]
) -> Iterable[Doubt]:
    if older:
        first = receipts[0]
        many = f"{len(older)} older rollout{'s' if len(older) > 1 else ''}"
        what = f"its receipts begin with {first.action} {first.rollout}: those of {many} are gone"
        yield Doubt(host, LATER, first.rollout, what)
