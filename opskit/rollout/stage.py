"""Stage: the version on every host, its bytes checked, nothing live. Only what a host has not is sent."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from opskit.errors import (
    CommandFailedError,
    ConnectionLostError,
    HostUnfitError,
    InterruptedRunError,
)
from opskit.fleet.command import Command
from opskit.rollout import incoming, link
from opskit.rollout.bases import find_bases
from opskit.rollout.facts import Doing, Warned
from opskit.rollout.guarded import require
from opskit.rollout.parcels import QUESTION, WHOLE
from opskit.rollout.probe import MARGIN_KIB, probe, unfit
from opskit.rollout.report import Sent
from opskit.rollout.steps import OnHost

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from opskit.fleet.command import Result
    from opskit.fleet.remote import Remote
    from opskit.rollout.context import Run
    from opskit.rollout.manifest import Manifest
    from opskit.rollout.pack import Parcel
    from opskit.rollout.parcels import Parcels, Wanted
    from opskit.rollout.plan import Plan
    from opskit.rollout.probe import HostState
    from opskit.rollout.roll import Roll
    from opskit.rollout.steps import Work

TIMEOUT = 1800.0
MOST_TRIES = (
    5  # parcels for one host: a question, its answer, all anew, and what was altered meanwhile
)
MOST_AHEAD = (
    256 * 1024 * 1024
)  # bytes that are packed before anybody knows whether they are sent so
ROOM = "make room, or lower the service's `keep`"


def stage(
    plan: Plan,
    parcels: Parcels,
    *,
    states: Mapping[str, HostState],
    work: Work,
    run: Run,
    roll: Roll,
    hosts: Sequence[str] | None = None,
) -> None:
    """Bring the version to every host that is left, or only to `hosts`; a host that cannot take it is out of the rollout.

    `states` is what hosts said under the lock. Nothing is live yet, so the first wish to stop breaks it off.
    """
    wanted = roll.left() if hosts is None else hosts
    if not (wanted and roll.gate()):
        return
    with run.breakable():
        bases = find_bases(
            run.fleet,
            {host: states[host] for host in wanted},
            known=parcels.artifact.manifest,
            path=work.service.path,
        )
        staging = _Staging(plan, parcels, states=states, bases=bases, work=work)
        if staging.bytes(wanted) >= link.MUCH:
            parcels.settle()  # who packs meanwhile measures that, and not the link
            parcels.zipped = not _all_fast(run, wanted[:1])
        _say(staging, wanted, run)
        for outcome in run.fleet.each(staging.on, wanted):
            if outcome.error:
                roll.note_error(outcome.host, outcome.error)


def ahead(parcels: Parcels, states: Mapping[str, HostState]) -> AbstractContextManager[None]:
    """Pack what most likely all hosts are sent, by what they said, while they are locked; on a fast link that is sent as it is."""
    size = sum(file.size for file in parcels.artifact.files)
    new = all(not (state.current or state.incoming) for state in states.values())
    if new and size <= MOST_AHEAD and size * len(states) >= link.MUCH:
        return parcels.ahead(parcels.whole())
    return contextlib.nullcontext()


def _all_fast(run: Run, hosts: Sequence[str]) -> bool:
    return all(outcome.value for outcome in run.fleet.each(link.is_fast, hosts))


def _say(staging: _Staging, hosts: Sequence[str], run: Run) -> None:
    """Pack what will be sent first, and say what that is."""
    counted = Counter(staging.first(host) for host in hosts)
    said = []
    for wanted, count in counted.items():
        if run.stop.level:
            raise InterruptedRunError("interrupted before anything was sent")
        with staging.parcels.parcel(wanted) as parcel:
            number = "" if len(counted) == 1 else f" to {count} host{'s' * (count > 1)}"
            said.append(_describe(staging.parcels, wanted, parcel) + number)
    run.tell(Doing(f"sends {'; '.join(said)}"))


def _describe(parcels: Parcels, wanted: Wanted, parcel: Parcel) -> str:
    every = len(parcels.artifact.files)
    size = f"{parcel.size:,} bytes{' packed' * parcel.zipped}"
    if wanted.kind == WHOLE:
        return f"all of {every:,} file{'s' * (every != 1)}, {size}"
    if wanted.kind == QUESTION:
        return f"what has not arrived yet of {every:,} file{'s' * (every != 1)}"
    return f"{len(wanted.files):,} of {every:,} files, {size} (the rest is there)"


class _Staging:
    """What the hosts of one deploy are sent, one after the other as they answer."""

    def __init__(
        self, plan: Plan, parcels: Parcels, *, states: Mapping[str, HostState],
        bases: Mapping[str, Manifest], work: Work,
    ) -> None:  # fmt: skip
        self.parcels = parcels
        self._plan = plan
        self._states = states
        self._bases = bases
        self._work = work

    def first(self, host: str) -> Wanted:
        """Give what a host is sent first: a question where something of this content has come in before."""
        content, base = self.parcels.artifact.content, self._base(host)
        if any(name.startswith(f"{content}.") for name in self._states[host].incoming):
            return self.parcels.question(base)
        return self.parcels.change(base) if base else self.parcels.whole()

    def bytes(self, hosts: Sequence[str]) -> int:
        """Give how much these hosts are sent first, before it is packed."""
        counted = Counter(self.first(host) for host in hosts)
        return sum(
            number * sum(file.size for file in wanted.files) for wanted, number in counted.items()
        )

    def on(self, remote: Remote) -> None:
        """Stage one host; raises HostError."""
        needed = self.parcels.artifact.room + MARGIN_KIB
        if problem := unfit(self._states[remote.name], needed_kib=needed):
            raise HostUnfitError(remote.name, problem, hint=ROOM)
        on = OnHost(self._work, remote, self._plan.targets_by_host[remote.name])
        with on.step("stage"):
            self._bring(on, self.first(remote.name))

    def _bring(self, on: OnHost, wanted: Wanted) -> None:
        asked = wanted.kind == QUESTION
        for number in range(MOST_TRIES):
            try:
                said = self._send(on, wanted)
            except ConnectionLostError:
                if number == MOST_TRIES - 1:
                    raise
                if self._is_there(on):
                    return
                # what has arrived is there: it goes on where it broke off
                asked, wanted = True, self.parcels.question(self._base(on.remote.name))
                continue
            word, _, rest = said.stdout.partition(b"\n")
            lines = tuple(line + b"\n" for line in rest.split(b"\n") if line)
            if word == incoming.PLACED.encode():
                return
            if word == incoming.ANEW.encode():
                wanted = self.parcels.whole()
                continue
            if said.truncated:
                lines = ()
            before, wanted = wanted, self.parcels.rest(lines)
            self._judge(on, before, wanted, asked=asked)
        raise HostUnfitError(on.remote.name, "what arrives there does not stay as it was sent")

    def _is_there(self, on: OnHost) -> bool:
        """Ask a host whose answer was lost whether all of it has arrived: what is placed is whole."""
        state, digest = (
            probe(on.remote, path=self._work.service.path),
            self.parcels.artifact.manifest.digest,
        )
        name = on.target.after.id if on.target.after else ""
        return any(r.id == name and r.manifest == digest for r in state.releases)

    def _send(self, on: OnHost, wanted: Wanted) -> Result:
        """Send one parcel and give what the host says to it."""
        with self.parcels.parcel(wanted) as parcel:
            self._count(on.remote.name, parcel)
            script = self._script(on, wanted, zipped=parcel.zipped)
            command = Command(script, input=parcel.chunks, timeout=TIMEOUT)
            result = on.remote.execute(command)
        if result.exit == incoming.NO_ROOM:
            said = result.stderr.decode("utf-8", "replace").strip().splitlines()
            raise HostUnfitError(
                on.remote.name, said[-1] if said else "no room", hint=ROOM, output=result.tail()
            )
        return require(result, "staging")

    def _script(self, on: OnHost, wanted: Wanted, *, zipped: bool) -> str:
        """Give what a host does with a parcel."""
        service, artifact = self._work.service, self.parcels.artifact
        live = self._states[on.remote.name].live
        what = incoming.Expected(
            release=on.target.after.id if on.target.after else "",
            content=artifact.content,
            rollout=self._plan.owner,
            manifest=artifact.manifest.digest,
            folders=len(artifact.folders) + 1,
            room=artifact.room,
            base=live if wanted.base else "",
            entries=0 if service.shared_folders or service.shared_files else wanted.entries,
            linked=service.hard_links,
            zipped=zipped,
        )
        return incoming.stage(
            self._work.guard, what, folders=service.shared_folders, files=service.shared_files
        )

    def _judge(self, on: OnHost, sent: Wanted, lacking: Wanted, *, asked: bool) -> None:
        """Raise CommandFailedError if the host lacks what it was sent; tell of a live release that was altered."""
        again = sorted(file.name for file in lacking.files & sent.files if not file.odd)
        host = on.remote.name
        if again:
            shown = "\n".join(f"{name}: bytes arrived altered" for name in again[:5])
            raise CommandFailedError(host, "staging: bytes arrived altered", output=shown)
        if not asked:
            live = self._states[host].live
            count = len(lacking.files)
            self._work.tell(
                Warned(
                    f"{host}: {live} is not as it was released, so more is sent, files: {count}"
                )
            )

    def _count(self, host: str, parcel: Parcel) -> None:
        before = self._work.sent.get(host, Sent(0, 0))
        self._work.sent[host] = Sent(before.files + len(parcel.files), before.bytes + parcel.size)

    def _base(self, host: str) -> Manifest | None:
        state = self._states[host]
        return self._bases.get(state.current.manifest) if state.current else None
