"""`opskit log`: what was rolled out, when, by whom, where, why, and what came of it."""

from __future__ import annotations

import functools
import select
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, ParamSpec, get_args

import click

from opskit.cli import complete, options, sharing, vouching, wiring
from opskit.cli.opening import open_one
from opskit.cli.render import envelope, terminal, text
from opskit.cli.web.command import write_page
from opskit.cli.wishes import DEFAULT_LIMIT, Wishes
from opskit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opskit.changelog import Changelog, Entry
    from opskit.config.model import Config

Kind = Literal[
    "deploy",
    "rollback",
    "restart",
    "reboot",
    "replace",
    "task",
    "exec",
    "runbook",
    "note",
    "verdict",
    "freeze",
    "thaw",
    "bisect",
]
Outcome = Literal[
    "done",
    "failed",
    "partial",
    "refused",
    "interrupted",
    "reverted",
    "abandoned",
    "recovered",
    "running",
    "unfinished",
    "suspended",
    "aborted",
]
P = ParamSpec("P")
PAGE_LIMIT = 5000
INTERRUPTED = 130
LOOK_EVERY_MS = 500
LOOK_UPSTREAM = 3.0  # seconds


def _until_read(command: Callable[P, int]) -> Callable[P, int]:
    """Let a reader that stops reading, as `head -1` does, have read enough: it asked for no more."""

    @functools.wraps(command)
    def ended(*arguments: P.args, **options: P.kwargs) -> int:
        try:
            code = command(*arguments, **options)
            terminal.flush()
        except BrokenPipeError:
            terminal.silence()
            return 0
        return code

    return ended


@click.command()
@click.argument("rollout", required=False, shell_complete=complete.records)
@click.option(
    "-s",
    "--service",
    metavar="NAME",
    shell_complete=complete.services,
    help="Only what was about this service.",
)
@options.environment
@options.hosts
@click.option("--actor", metavar="TEXT", help="Only by people whose name contains this.")
@click.option("--kind", type=click.Choice(get_args(Kind)), help="Only entries of this kind.")
@click.option(
    "--outcome",
    type=click.Choice(get_args(Outcome)),
    help="Only rollouts and runs that came out so.",
)
@click.option(
    "--grep",
    metavar="TEXT",
    help='Only with these words in reasons, notes, errors, commits: all of them, "a phrase", begin*.',
)
@click.option("--incident", metavar="ID", help="Only what was done about this incident.")
@click.option("--since", metavar="TIME", help="Only from then on: 2h, 'yesterday 14:00', a date.")
@click.option("--until", metavar="TIME", help="Only before then.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    show_default=f"{DEFAULT_LIMIT}, with --web {PAGE_LIMIT}",
    help="At most so many, the newest.",
)
@click.option("--follow", is_flag=True, help="Go on and print what is new, until Ctrl-C.")
@options.offline
@options.as_json
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, made for spreadsheets.")
@click.option(
    "--web",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.html",
    help="Write a page with a timeline, to look at in a browser; an earlier page is replaced.",
)
@_until_read
def log(
    rollout: str | None,
    *,
    service: str | None,
    environment: str | None,
    hosts: str | None,
    actor: str | None,
    kind: Kind | None,
    outcome: Outcome | None,
    grep: str | None,
    incident: str | None,
    since: str | None,
    until: str | None,
    limit: int | None,
    follow: bool,
    as_json: bool,
    as_csv: bool,
    web: Path | None,
) -> int:
    """Show what was rolled out, by whom and why.

    The newest comes first, runs of runbooks and notes stand between. ROLLOUT (the first characters of its id) opens
    that one: its hosts, commits, output and notes; the id of a run, a note or a bisection opens that. Without --env, all environments are shown.
    """
    asked = (service, environment, hosts, actor, kind, outcome, grep, since, until)
    wishes = Wishes(*asked, limit or (PAGE_LIMIT if web else DEFAULT_LIMIT), incident)
    _check_together(rollout, wishes, follow=follow, as_json=as_json, as_csv=as_csv, web=web)
    config = vouching.warned(wiring.read_config(whole=False))
    with sharing.open_changelog(config, every=LOOK_UPSTREAM if follow else None) as changelog:
        if rollout:
            return open_one(changelog, rollout, config, as_json=as_json)
        if follow:
            return _follow(changelog, wishes, config, as_csv=as_csv)
        shown, more = _newest(changelog, wishes, config, folds=not (as_json or as_csv or web))
        if web:
            return write_page(web, shown, config, changelog, wishes, more=more, as_json=as_json)
    if as_json:
        return _as_json(shown, config, changelog)
    return _list(shown, as_csv=as_csv, one_place=wishes.in_one_place(config))


def _say_what_is_missing(
    wishes: Wishes, config: Config, changelog: Changelog, *, more: bool, none: bool
) -> None:
    if more:
        text.mention(f"these are the newest {wishes.limit}; --limit gives more")
    if none:
        there = changelog.file.exists()
        missing = f"there is no changelog here yet: {changelog.file}"
        text.mention("nothing in the changelog fits" if there else missing)
        for doubt in wishes.doubts(config):
            text.mention(f"  {doubt}")


def _check_together(
    rollout: str | None,
    wishes: Wishes,
    *,
    follow: bool,
    as_json: bool,
    as_csv: bool,
    web: Path | None,
) -> None:
    if rollout and (wishes != Wishes() or follow or as_csv or web):
        raise UsageError("a ROLLOUT is opened whole", hint="leave out all options but --json")
    if as_json and (follow or as_csv):
        raise UsageError("--json prints one document", hint="leave out --follow and --csv")
    if web and (follow or as_csv):
        raise UsageError("--web writes one page", hint="leave out --follow and --csv")


def _newest(
    changelog: Changelog, wishes: Wishes, config: Config, *, folds: bool
) -> tuple[tuple[Entry, ...], bool]:
    """Give the entries that are wanted, and whether there are more than the limit allows; say what is missing. If it `folds`, without what bisections tried."""
    from opskit.cli import folding

    wishes.demand_known(config, changelog)
    wanted = wishes.as_filter(config)
    asked = wanted._replace(limit=wanted.limit + 1)
    found, is_folded = folding.newest(changelog, asked) if folds else (changelog.entries(asked), False)  # fmt: skip
    shown = changelog.judged(found[: wanted.limit], config.changelog)
    more = len(found) > wanted.limit
    _say_what_is_missing(wishes, config, changelog, more=more, none=not shown)
    if is_folded:
        text.mention("what bisections tried is left out: opskit log ID of one shows it")
    return shown, more


def _as_json(entries: Sequence[Entry], config: Config, changelog: Changelog) -> int:
    from opskit.cli.render import records

    data = [records.as_data(entry) for entry in entries]
    return envelope.show("log", {"entries": data, **sharing.lag_of(config, changelog)})


def _list(entries: Sequence[Entry], *, as_csv: bool, one_place: bool) -> int:
    from opskit.cli.render import log as lines
    from opskit.cli.render import records

    if as_csv:
        lines.show_csv([records.CSV_HEADER, *map(records.as_row, entries)])
    elif entries:
        one_place = one_place or len({*map(lines.environment_of, entries)}) == 1
        lines.Lines(datetime.now(UTC), one_place=one_place).show(entries)
        lines.mention_unfinished(entries)
    return 0


def _follow(changelog: Changelog, wishes: Wishes, config: Config, *, as_csv: bool) -> int:
    """Print what there is, the newest last, then what comes; Ctrl-C is how this ends, and no accident."""
    from opskit.cli.render import log as lines
    from opskit.cli.render import records

    wishes.demand_known(config, changelog)
    wanted = wishes.as_filter(config)
    screen = lines.Lines(None, one_place=bool(wanted.environment))
    try:
        for look, found in enumerate(changelog.follow(wanted, pause=_pause)):
            entries = changelog.judged(found, config.changelog)
            if as_csv:
                header = [] if look else [records.CSV_HEADER]
                lines.show_csv([*header, *map(records.as_row, entries)])
            else:
                screen.show(entries, header=look == 0)
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _pause() -> None:
    """Wait, and notice when nobody reads any more: a pipe tells that without being written to."""
    watch = select.poll()
    watch.register(sys.stdout, 0)
    gone = [
        event
        for _, event in watch.poll(LOOK_EVERY_MS)
        if event & (select.POLLERR | select.POLLHUP)
    ]
    if gone:
        raise BrokenPipeError
