"""A runbook that nobody has written yet: a page to begin with, or what was done once, as steps to be done again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from opskit.changelog.runrecords import ANSWERED, BEGAN, SKIPPED
from opskit.runbook import quoting, writing
from opskit.runbook.model import OPSKIT
from opskit.runbook.quoting import inline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime

    from opskit.changelog import RolloutRecord, RunRecord
    from opskit.changelog.runrecords import Act
    from opskit.config.service import Service
    from opskit.runbook.writing import Heading


def blank(name: str, title: str, *, today: date, service: Service | None = None) -> str:
    """Give a page to begin with, which can be run as it stands; of a service, if one is given."""
    about = service.name if service else ""
    word, hosts = f" {about}".rstrip(), service.hosts if service else "@*"
    head = writing.front(
        name,
        services=filter(None, (about,)),
        owner=service.owner if service else "",
        today=today,
    )
    look = quoting.command(f"opskit status{word}", OPSKIT, mutates=False)
    ask = quoting.command("uptime\ndf -h /", "sh", on=hosts, mutates=False)
    do = f"opskit restart{word}" if service else 'opskit note "what was done, and why it helped"'
    change = quoting.command(do, OPSKIT)
    return _BLANK.format(head=head, title=inline(title), look=look, ask=ask, change=change)


def drafted(
    name: str,
    runs: Sequence[RunRecord],
    rollouts: Sequence[RolloutRecord],
    *,
    title: str,
    today: date,
) -> str:
    """Give what was done in runs, and by rollouts that were not done in one of them, as steps in the order of time."""
    within = {run.id for run in runs} | {name for run in runs for name in run.rollouts}
    alone = [each for each in rollouts if not within & {each.id, each.during}]
    both: list[RunRecord | RolloutRecord] = [*runs, *alone]
    found = sorted(both, key=_order)
    titles = writing.headings(dict(_titles(runs, alone, found)))
    services = [service for run in runs for service in run.services] + [r.service for r in alone]
    params = {key: value for run in runs for key, value in writing.values_of(run).items()}
    parts = [
        writing.front(name, services=services, today=today, params=params),
        f"# {inline(title)}",
        "A draft of what was done. Say first what is broken and how one notices, and take out what did not help.",
    ]
    for record in found:
        parts += _of_run(record, titles) if record in runs else _of_rollout(record, titles)  # type: ignore[arg-type]
    return "\n\n".join([*parts, *(() if titles else writing.NOTHING)]) + "\n"


def _order(record: RunRecord | RolloutRecord) -> tuple[datetime, int]:
    """Give what orders by time, also what began in one millisecond."""
    return record.at, record.events[0].header.hlc if record.events else 0


def _titles(
    runs: Sequence[RunRecord],
    alone: Sequence[RolloutRecord],
    found: Sequence[RunRecord | RolloutRecord],
) -> Iterator[tuple[str, str]]:
    """Give the titles of steps, by their keys, in their order."""
    acts = {run.id: writing.by_step(run) for run in runs}
    known = {run.id: run for run in runs}
    said = {
        r.id: " ".join(filter(None, (r.action, r.service, r.task))).capitalize() for r in alone
    }
    for record in found:
        if record.id in known:
            for step in acts[record.id]:
                yield _key(record.id, step), known[record.id].title_of(step)
        else:
            yield _key(record.id), said[record.id]


def _of_run(record: RunRecord, titles: Mapping[str, Heading]) -> Iterator[str]:
    for step, acts in writing.by_step(record).items():
        yield titles[_key(record.id, step)].text
        yield from _done(record, acts, titles)


def _of_rollout(record: RolloutRecord, titles: Mapping[str, Heading]) -> Iterator[str]:
    said = ": ".join(filter(None, (record.outcome, record.reason or record.why)))
    yield titles[_key(record.id)].text
    yield f"By {inline(record.actor)}, {record.at:%Y-%m-%d %H:%M} UTC: {inline(said)}."
    yield quoting.command(_typed(record.command), OPSKIT)


def _done(record: RunRecord, acts: Sequence[Act], titles: Mapping[str, Heading]) -> Iterator[str]:
    """Give what was done in a step, each command once; what was skipped, and answers, are told."""
    again = writing.Again(record, lambda step: titles.get(_key(record.id, step)))
    seen: set[int] = set()
    for act in acts:
        is_new = act.what != BEGAN or act.part not in seen
        seen |= {act.part} if act.what == BEGAN else set()
        if is_new and (said := again.of(act)):
            yield said
        if act.what == SKIPPED:
            yield f"Skipped then: {inline(act.why)}"
        elif act.what == ANSWERED and not act.secret and act.value:
            asked = " ".join(filter(None, (act.kind, act.name)))
            yield f"Said then ({inline(asked)}): {inline(act.value)}"


def _typed(words: Sequence[str]) -> str:
    """Give a command as one line that is typed; the program by its name alone."""
    return shlex.join(["opskit", *words[1:]]) if words else ""


def _key(record: str, step: str = "") -> str:
    return f"{record}/{step}"


_BLANK = """\
{head}

# {title}

Say here what is broken, how one notices, and when this page is the wrong one. Who reads it was perhaps asleep a minute ago.

## 1. Look

{look}

{ask}

- [ ] It is what this page is about (evidence)

**Decide:** Does it heal by itself? Then go to [Look again](#3-look-again).

## 2. Put it right

**Confirm:** Is it well that this is changed now?

{change}

## 3. Look again

{look}

- [ ] What people saw is gone

If it is not, say here who is to be asked, by name.
"""
