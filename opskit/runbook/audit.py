"""What is wrong with the runbooks of a fleet, beside what their pages tell: too old, skipped again and again, missing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from opskit.changelog import Filter
from opskit.changelog.records import RUNNING, UNFINISHED
from opskit.changelog.runrecords import BEGAN, SKIPPED
from opskit.runbook.freshness import freshness, proof_of, written
from opskit.runbook.model import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from opskit.changelog import Changelog, RunRecord
    from opskit.config.model import ChangelogSettings, Config
    from opskit.runbook.model import Page, Runbook, Step

LAST = 3
"""In how many runs, one after the other, a step is skipped until somebody must look at it."""
MOST = 20


def audit(
    pages: Sequence[Page], config: Config, changelog: Changelog, now: datetime
) -> tuple[Problem, ...]:
    """Give what is wrong with runbooks as a whole; those that are not `fatal` are remarks. Raises ChangelogError.

    What a page alone tells is `lint`'s to say; one that cannot be read is left out.
    """
    books = [(page, page.runbook) for page in pages if page.runbook is not None]
    times = written([book.file for _, book in books])
    found = [*doubles(pages), *_without(config, [book for _, book in books])]
    for page, book in books:
        if book.file in times:
            proof = proof_of(changelog, config.changelog, book.id)
            fresh = freshness(book, times[book.file], proof, now)
            line = page.places.get("last_reviewed_on", 1)
            hint = _DRILL.format(book.id)
            found += [Problem(book.file, line, said, hint) for said in fresh.expired]
            if proof is None and not fresh.expired:
                found.append(Problem(book.file, line, _NEVER, hint, fatal=False))
        found += _skipped(book, changelog, config.changelog)
    return tuple(sorted(found, key=lambda problem: (str(problem.file), problem.line)))


def doubles(pages: Sequence[Page]) -> tuple[Problem, ...]:
    """Give what is to be said of pages whose id another one has already."""
    first: dict[str, Runbook] = {}
    found = []
    for page in pages:
        if (book := page.runbook) is None:
            continue
        other = first.setdefault(book.id, book)
        if other is not book:
            what = f"{other.file.name} has the id {book.id!r}, too"
            found.append(Problem(book.file, page.places.get("id", 1), what))
    return tuple(found)


def skipped(book: Runbook, runs: Sequence[RunRecord]) -> tuple[tuple[Step, Sequence[str]], ...]:
    """Give the steps that were skipped in each of these runs, with the reasons, as people quote them."""
    found = []
    for step in book.steps:
        said = [reason for run in runs if (reason := _reason(run, step.id))]
        if runs and len(said) == len(runs):
            found.append((step, said))
    return tuple(found)


def _skipped(
    book: Runbook, changelog: Changelog, settings: ChangelogSettings
) -> Iterator[Problem]:
    runs = changelog.judged(changelog.runs(Filter(runbook=book.id, limit=MOST)), settings)
    ended = [r for r in runs if r.outcome not in (RUNNING, UNFINISHED) and r.standing != "revoked"]
    if len(ended) < LAST:
        return
    for step, reasons in skipped(book, ended[:LAST]):
        what = f"{step.title!r} was skipped in each of the last {LAST} runs: {'; '.join(reasons)}"
        yield Problem(book.file, step.line, what, "is it still needed? take it out, or make it one that is done")  # fmt: skip


def _reason(run: RunRecord, step: str) -> str:
    """Give why a step was skipped in a run, and by whom; "" if it was not: one of which nothing was run was, also if something was decided in it."""
    state = next((each.state for each in run.steps if each.id == step), "")
    ran = any(act.step == step and act.what == BEGAN for act in run.acts)
    acts = [act for act in run.acts if act.step == step and act.what == SKIPPED]
    if not acts or (state != SKIPPED and ran):
        return ""
    why = " ".join(acts[-1].why.split())
    return f'"{why[:200]}" ({acts[-1].actor}, {acts[-1].at:%Y-%m-%d})'


def _without(config: Config, books: Sequence[Runbook]) -> Iterator[Problem]:
    """Remark on services that no runbook is about."""
    about = {service for book in books for service in book.services}
    for name in config.services:
        if name not in about:
            hint = (
                f"opskit runbook new {re.sub(r'[^a-z0-9-]', '-', name.lower())} --service {name}"
            )
            yield Problem(config.file, _line_of(config, name), f"no runbook is about the service {name}", hint, fatal=False)  # fmt: skip


def _line_of(config: Config, service: str) -> int:
    """Give the line of opskit.toml on which a service begins, 1 if it is written in another way."""
    wanted = re.compile(rf"\s*\[\s*services\s*\.\s*[\"']?{re.escape(service)}[\"']?\s*[\].]")
    try:
        lines = config.file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return 1
    return next((number for number, line in enumerate(lines, 1) if wanted.match(line)), 1)


_NEVER = "nobody has followed it to its end yet, nor rehearsed it"
_DRILL = "follow it once, or rehearse it: opskit runbook run {0} --drill; whoever reviews it sets last_reviewed_on"
