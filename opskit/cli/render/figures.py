"""What rollouts came to, as tables and as data: a figure that was made of nothing is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.blame.report import DEFINITIONS
from opskit.cli.render import table, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.blame.grade import Rate
    from opskit.blame.report import Figures, Median, Report

NONE = "-"
NO_TEAM = "(no owner)"
ALL = "all"
HEADER = (
    *("ROLLOUTS", "DEPLOYMENTS", "A WEEK", "FAILED", "RESTORED IN", "TAKEN BACK", "LEAD TIME"),
)
SHOWN_FAILURES = 10


def show(found: Report) -> None:
    """Print the tables by service and by team, and what the figures mean."""
    days = (found.until - found.since).total_seconds() / 86400
    text.say(f"{in_words(found)}: {days:.1f} days", bold=True)
    if not found.all.rollouts:
        text.say("nothing was rolled out in this time, so there is nothing to say of it")
        return
    text.say()
    services = [(title(each), *cells(each)) for each in found.services]
    table.show(("SERVICE", *HEADER), [*services, (ALL, *cells(found.all))], is_whole=True)
    if any(team.name for team in found.teams):
        text.say()
        teams = [(each.name or NO_TEAM, *cells(each)) for each in found.teams]
        table.show(("TEAM", *HEADER), teams, is_whole=True)
    _show_failures(found)
    text.say()
    for name, meaning in DEFINITIONS.items():
        text.say(f"{name}: {meaning}", wrap=True)


def in_words(found: Report) -> str:
    """Give from when to when, in local time."""
    begin, end = found.since.astimezone(), found.until.astimezone()
    return f"{begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"


def title(one: Figures) -> str:
    """Name what figures are of."""
    return f"{one.name} in {one.environment}" if one.environment else one.name


def cells(one: Figures) -> tuple[str, ...]:
    """Give figures as words, in the order of HEADER."""
    not_live = f" (+{one.never_live} never live)" if one.never_live else ""
    still = f", {one.open} open" if one.open else ""
    unknown = f", {one.unknown} unknown" if one.unknown else ""
    return (
        str(one.rollouts),
        f"{one.deployments}{not_live}",
        NONE if one.per_week is None else f"{one.per_week:.1f}",
        rate(one.failed),
        middle(one.restore, still),
        rate(one.rolled_back),
        middle(one.lead, unknown),
    )


def rate(one: Rate) -> str:
    """Give a rate with what it is of, and its interval."""
    if one.value is None or one.interval is None:
        return NONE
    low, high = one.interval
    return f"{one.value:.0%} ({one.right} of {one.n}; {low:.0%} to {high:.0%})"


def middle(one: Median, more: str = "") -> str:
    """Give a median with what it is of."""
    if one.seconds is None:
        return f"{NONE} (n = 0{more})" if more else NONE
    return f"{span(one.seconds)} (n = {one.n}{more})"


def span(seconds: float) -> str:
    """Give a length of time in words; of days, no smaller part than hours."""
    return text.duration(seconds)


def _show_failures(found: Report) -> None:
    failures = found.all.failures[::-1]
    if not failures:
        return
    text.say(f"\n{text.plural(len(failures), 'failed change')}, the newest first", bold=True)
    for each in failures[:SHOWN_FAILURES]:
        took = f"restored in {span((each.until - each.since).total_seconds())}" if each.until else "not restored yet"  # fmt: skip
        text.say(f"  {each.id}  {each.service}  {each.since.astimezone():%Y-%m-%d %H:%M}  {each.because}; {took}", wrap=True)  # fmt: skip
    if len(failures) > SHOWN_FAILURES:
        text.say(f"  and {len(failures) - SHOWN_FAILURES} more, see --json")


def as_data(found: Report) -> Mapping[str, object]:
    """Give a report as plain values: lengths of time in seconds, rates from 0 to 1; null is what was made of nothing."""
    return {
        "since": found.since,
        "until": found.until,
        "all": _data(found.all),
        "services": [_data(each) for each in found.services],
        "teams": [_data(each) for each in found.teams],
        "failures": list(found.all.failures),
        "definitions": dict(DEFINITIONS),
    }


def _data(one: Figures) -> Mapping[str, object]:
    return {
        "name": one.name,
        "environment": one.environment,
        "team": one.team,
        "rollouts": one.rollouts,
        "deployments": one.deployments,
        "never_live": one.never_live,
        "deployments_per_week": one.per_week,
        "change_failure_rate": _rated(one.failed),
        "rollback_rate": _rated(one.rolled_back),
        "time_to_restore": {"n": one.restore.n, "median": one.restore.seconds, "open": one.open},
        "lead_time": {"n": one.lead.n, "median": one.lead.seconds, "unknown": one.unknown},
    }


def _rated(one: Rate) -> Mapping[str, object]:
    low, high = one.interval or (None, None)
    return {"count": one.right, "n": one.n, "rate": one.value, "low": low, "high": high}
