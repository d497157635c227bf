"""`opskit log`: what was rolled out, when, by whom, where, why, and what came of it."""

from __future__ import annotations

import dataclasses
import select
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import click

from opskit.cli import complete, options, sharing, wiring
from opskit.cli.render import envelope, text
from opskit.cli.web.command import write_page
from opskit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from opskit.changelog import Changelog, Entry, Filter
    from opskit.config.model import Config

Kind = Literal["deploy", "rollback", "restart", "task", "exec", "note"]
Outcome = Literal[
    "done",
    "failed",
    "partial",
    "refused",
    "interrupted",
    "abandoned",
    "recovered",
    "running",
    "unfinished",
]
ALGEBRA = frozenset("@!&^*?")
DEFAULT_LIMIT = 50
PAGE_LIMIT = 5000
INTERRUPTED = 130
LOOK_EVERY_MS = 500
LOOK_UPSTREAM = 3.0  # seconds


@click.command()
@click.argument("rollout", required=False, shell_complete=complete.rollouts)
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
    "--outcome", type=click.Choice(get_args(Outcome)), help="Only rollouts that came out so."
)
@click.option(
    "--grep",
    metavar="TEXT",
    help='Only with these words in reasons, notes, errors, commits: all of them, "a phrase", begin*.',
)
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
    since: str | None,
    until: str | None,
    limit: int | None,
    follow: bool,
    as_json: bool,
    as_csv: bool,
    web: Path | None,
) -> int:
    """Show what was rolled out, by whom and why.

    The newest comes first, notes stand between. ROLLOUT (the first characters of its id) opens
    that one: its hosts, commits, output and notes. Without --env, all environments are shown.
    """
    most = limit or (PAGE_LIMIT if web else DEFAULT_LIMIT)
    wishes = Wishes(service, environment, hosts, actor, kind, outcome, grep, since, until, most)
    _check_together(rollout, wishes, follow=follow, as_json=as_json, as_csv=as_csv, web=web)
    config = wiring.read_config()
    with sharing.open_changelog(config, every=LOOK_UPSTREAM if follow else None) as changelog:
        if rollout:
            return _open(changelog, rollout, config, as_json=as_json)
        wanted = wishes.as_filter(config)
        if follow:
            return _follow(changelog, wanted, config, as_csv=as_csv)
        shown, more = _newest(changelog, wanted, config)
        _say_what_is_missing(wishes, config, more=more, none=not shown)
        if web:
            return write_page(web, shown, config, changelog, wishes, more=more, as_json=as_json)
    return _list(shown, as_json=as_json, as_csv=as_csv, one_place=wishes.in_one_place(config))


@dataclasses.dataclass(frozen=True)
class Wishes:
    """What the options say, as they were written."""

    service: str | None = None
    environment: str | None = None
    hosts: str | None = None
    actor: str | None = None
    kind: str | None = None
    outcome: str | None = None
    grep: str | None = None
    since: str | None = None
    until: str | None = None
    limit: int = DEFAULT_LIMIT

    def as_filter(self, config: Config) -> Filter:
        """Give the question to the changelog; raises UsageError for what cannot be read."""
        from opskit.changelog import Filter

        return Filter(
            service=self.service or "",
            environment=self.environment or "",
            hosts=_names(config, self.environment, self.hosts),
            actor=self.actor or "",
            action=self.kind or "",
            outcome=self.outcome or "",
            grep=self.grep or "",
            since=_time(self.since),
            until=_time(self.until),
            limit=self.limit,
        )

    def in_words(self) -> list[str]:
        """Give what was asked for, a few words for each option."""
        asked = dataclasses.asdict(self)
        return [f"{name} {said}" for name, said in asked.items() if said and name != "limit"]

    def in_one_place(self, config: Config) -> bool:
        """Tell whether all that is asked for is of the same environment."""
        return bool(self.environment) or len(config.environments) < 2

    def doubts(self, config: Config) -> list[str]:
        """Give what may be a mistake: names of which opskit.toml knows nothing (any more)."""
        from opskit.config.lookup import did_you_mean

        asked: list[tuple[str, str, Collection[str]]] = [
            ("environment", self.environment or "", config.environments),
            ("service", self.service or "", config.services),
        ]
        if self.hosts and not ALGEBRA & set(self.hosts):
            known = _known_hosts(config, self.environment)
            asked += [("host", name, known) for name in _names(config, None, self.hosts) if known]
        return [
            f"no {what} {name!r} in {config.file.name}: {did_you_mean(name, known)}"
            for what, name, known in asked
            if name and name not in known
        ]


def _say_what_is_missing(wishes: Wishes, config: Config, *, more: bool, none: bool) -> None:
    if more:
        text.mention(f"these are the newest {wishes.limit}; --limit gives more")
    if none:
        text.mention("nothing in the changelog fits")
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


def _names(config: Config, environment: str | None, selector: str | None) -> tuple[str, ...]:
    """Give host names: names and ranges as they are, also of hosts that are gone; else by the inventory."""
    if not selector:
        return ()
    if ALGEBRA & set(selector):
        inventory = wiring.open_inventory(config, environment)
        with wiring.open_changelog(config) as changelog:
            return wiring.select(inventory, changelog, selector)
    from opskit.fleet.selectors import expand_all

    return expand_all([selector])


def _known_hosts(config: Config, environment: str | None) -> frozenset[str]:
    """Give the hosts of one environment or of all; none where an inventory command has the last word."""
    from opskit.fleet.selectors import expand_all

    places = [env for env in config.environments.values() if environment in (None, env.name)]
    if any(env.inventory for env in places):
        return frozenset()
    return frozenset(name for env in places for name in expand_all(env.hosts))


def _time(said: str | None) -> datetime | None:
    from opskit.changelog.when import parse_when

    return parse_when(said, datetime.now().astimezone()) if said is not None else None


def _newest(
    changelog: Changelog, wanted: Filter, config: Config
) -> tuple[tuple[Entry, ...], bool]:
    """Give the entries that are wanted, and whether there are more than the limit allows."""
    found = changelog.entries(dataclasses.replace(wanted, limit=wanted.limit + 1))
    shown = changelog.judged(found[: wanted.limit], config.changelog)
    return shown, len(found) > wanted.limit


def _open(changelog: Changelog, prefix: str, config: Config, *, as_json: bool) -> int:
    from opskit.cli.render import records, rollout

    (record,) = changelog.judged([changelog.rollout(prefix)], config.changelog, whole=True)
    if as_json:
        return envelope.show("log", {"rollout": records.as_whole(record)})
    rollout.show(record, datetime.now(UTC))
    return 0


def _list(entries: Sequence[Entry], *, as_json: bool, as_csv: bool, one_place: bool) -> int:
    from opskit.cli.render import log as lines
    from opskit.cli.render import records

    if as_json:
        return envelope.show("log", {"entries": [records.as_data(entry) for entry in entries]})
    if as_csv:
        lines.show_csv([records.CSV_HEADER, *map(records.as_row, entries)])
    elif entries:
        one_place = one_place or len({*map(lines.environment_of, entries)}) == 1
        lines.Lines(datetime.now(UTC), one_place=one_place).show(entries)
    return 0


def _follow(changelog: Changelog, wanted: Filter, config: Config, *, as_csv: bool) -> int:
    """Print what there is, the newest last, then what comes; Ctrl-C is how this ends, and no accident."""
    from opskit.cli.render import log as lines
    from opskit.cli.render import records

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
