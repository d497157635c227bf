"""What a rollout will do, computed before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opskit.changelog.records import AT_ONCE
from opskit.config.model import NOTHING
from opskit.rollout.batches import exposure
from opskit.rollout.gates import NO_GATES, Gates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.rollout.git import Commit
    from opskit.rollout.probe import Release
    from opskit.rollout.seats import Drains


@dataclass(frozen=True, slots=True)
class Override:
    """A rule that would have forbidden this (`freeze` or `irreversible`), what it said, and why it did not count."""

    rule: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Target:
    """One host of a plan: what it runs, what it will run, and what stands in the way, if anything.

    `outcome` is what that problem makes of the host: unreachable or failed. `boot` names the boot that it runs since, where that matters.
    """

    host: str
    before: Release | None = None
    after: Release | None = None
    problem: str = ""
    hint: str = ""
    outcome: str = ""
    boot: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done, to which hosts, in which order.

    `after` is the one release of a deploy. `commands` are (step, exact text) as a host will get them.
    `service` is "" for a task, a command, and for what is about whole hosts; `within` are then the seconds that a host may be away. `problems_count` says whether hosts that cannot take part use up
    the failure budget: a dead host stops a deploy, and must not stop a rollback of the others. `retries` are
    earlier rollouts of which this does what was left undone. `gated` says whether a health check can stop the run.

    `run` is there if it goes on with a rollout that was interrupted: the name of this run, see `changelog.resuming`. `was`
    is then the outcome that it has had, "" for none, `gone_on` how often somebody had gone on with it by then, `goal` what is wanted of each host, done or reverted, and `found` what each runs now.
    `drains` says how hosts are taken out of load balancers while they are changed, None if they stand behind none.
    """

    rollout: str
    action: str
    environment: str
    targets: tuple[Target, ...]
    batches: tuple[tuple[str, ...], ...]
    service: str = ""
    why: str = ""
    after: Release | None = None
    max_failures: int = 0
    gates: Gates = NO_GATES
    gated: bool = False
    problems_count: bool = True
    commits: tuple[Commit, ...] = ()
    notes: tuple[str, ...] = ()
    commands: tuple[tuple[str, str], ...] = ()
    task: str = ""
    script: str = ""
    within: float = 0.0
    users: tuple[str, ...] = ()
    """As whom its own commands run by sudo; those of services say that themselves."""
    overrides: tuple[Override, ...] = ()
    retries: tuple[str, ...] = ()
    run: str = ""
    was: str = ""
    gone_on: int = 0
    goal: str = "done"
    found: Mapping[str, str] = NOTHING
    drains: Drains | None = None
    targets_by_host: Mapping[str, Target] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets_by_host", {t.host: t for t in self.targets})

    @property
    def is_rolling(self) -> bool:
        """Whether it goes from batch to batch behind gates, and can be resumed; a task or a command is on all hosts at once."""
        return self.action not in AT_ONCE

    @property
    def owner(self) -> str:
        """The name of its locks on hosts."""
        return f"{self.rollout}~{self.run}" if self.run else self.rollout

    def live_before(self, host: str) -> str:
        """Give the release that a host is known to run when this begins, "" for none."""
        before = self.targets_by_host[host].before
        return self.found.get(host, before.id if before else "")

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of all hosts of the plan."""
        return tuple(target.host for target in self.targets)

    @property
    def ready(self) -> tuple[str, ...]:
        """The hosts that nothing stands in the way of."""
        return tuple(target.host for target in self.targets if not target.problem)

    @property
    def hopeless(self) -> bool:
        """Whether it is certain already that no host will be changed."""
        return not self.ready or (self.problems_count and len(self.problems) > self.max_failures)

    @property
    def problems(self) -> tuple[Target, ...]:
        """The hosts that something stands in the way of."""
        return tuple(target for target in self.targets if target.problem)

    @property
    def most_bad(self) -> int:
        """The most hosts that can be bad before a gate stops the run."""
        return exposure(self.batches, self.max_failures) if self.gated else len(self.hosts)

    @property
    def worst_seconds(self) -> float | None:
        """The most that hosts are bad altogether (two for a minute: 120) before the gate stops the run; None if nothing would stop it."""
        return self.most_bad * self.gates.detect if self.gated and self.gates.detect else None

    def batch_of(self, host: str) -> int:
        """Give the number of the batch that a host is in, from 1; 0 if in none."""
        return next((n for n, batch in enumerate(self.batches, 1) if host in batch), 0)

    def body(self) -> dict[str, object]:
        """Give it as it stands in a `rollout.started` event, or in a `rollout.resumed` one; `overrides`, `retries` and `within_ms` only where there are any."""
        if self.run:
            return {"run": self.run, "revert": self.goal == "reverted", "why": self.why}
        more: dict[str, object] = {
            "overrides": [{"rule": o.rule, "what": o.what[:500], "why": o.why} for o in self.overrides],
            "retries": list(self.retries),
            "within_ms": round(self.within * 1000),
        }  # fmt: skip
        return {name: value for name, value in more.items() if value} | {
            "why": self.why,
            "to": _release(self.after),
            "hosts": [self._host(target) for target in self.targets],
            "commits": [
                {"sha": c.sha, "subject": c.subject[:200], "author": c.author[:100]} for c in self.commits
            ],
            "notes": list(self.notes),
            "max_failures": self.max_failures,
            "most_bad": self.most_bad if self.gated else 0,
            "worst_ms": round((self.worst_seconds or 0) * 1000),
            "problems_count": self.problems_count,
            "on_failure": self.gates.on_failure,
            "task": self.task,
            "script": self.script[:4000],
        }  # fmt: skip

    def _host(self, target: Target) -> dict[str, object]:
        """Give a host as a `rollout.started` event has it; `to` is there if it is not that of all, `boot` if it matters."""
        told = {"name": target.host, "batch": self.batch_of(target.host), "from": _release(target.before)}  # fmt: skip
        if target.boot:
            told["boot"] = target.boot
        own = target.after if target.after != self.after else None
        return {**told, "to": _release(own)} if own else told


def _release(release: Release | None) -> dict[str, object] | None:
    if release is None:
        return None
    one_way = {"irreversible": release.irreversible} if release.irreversible else {}
    return {"release": release.id, "revision": release.revision, "label": release.label, **one_way}
