"""`opskit changelog verify`: whether everything still is as it was written, and as hosts remember it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import click

from opskit.cli import complete, options, sharing, wiring
from opskit.cli.changelog.auditing import UpstreamCheck, check_upstream
from opskit.cli.render import envelope, text
from opskit.errors import ChangelogError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.changelog import Changelog
    from opskit.changelog.logs import Alarm
    from opskit.changelog.verify import Problem
    from opskit.config.model import Config
    from opskit.rollout.witness import Testimony

MOST_ALARMS = 5


@dataclass(frozen=True, slots=True)
class Checked:
    """All that was found: events here, what is wrong now, what is strange, what once was, the upstream, and what hosts say."""

    count: int
    problems: Sequence[Problem]
    remarks: Sequence[Problem]
    alarms: Sequence[Alarm]
    upstream: UpstreamCheck
    kept: list[str]
    """The hashes of events that were redacted here, and whose body the upstream keeps."""
    heard: list[Testimony] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong now."""
        return not self.problems and not any(each.doubts or each.errors for each in self.heard)

    @property
    def exit_code(self) -> int:
        """1 if something is wrong; 3 if nothing is as far as that was looked at, or only what was redacted is not gone."""
        left = bool(self.kept) or self.upstream.is_missed
        return (3 if left else 0) if self.is_well else 1


@click.command()
@click.option(
    "-H",
    "--hosts",
    metavar="[SELECTOR]",
    is_flag=False,
    flag_value="@*",
    shell_complete=complete.hosts,
    help="Ask hosts, too, for what rollouts left there: all of them, or these.",
)
@options.environment
@options.offline
@options.as_json
def verify(*, hosts: str | None, environment: str | None, as_json: bool) -> int:
    """Check that no event was altered, removed or forged.

    Checks every chain, signature, enrolment and receipt here. Then reads the whole upstream anew and compares every
    place with what is here: about a minute for 100,000 events, more over a slow line. With --offline, only what is here
    is checked. With --hosts also the receipts that rollouts left on the hosts of an environment, and every file of the live
    releases there. Exit code 1 if anything is wrong now; the first bad event stands first. Exit code 3 if nothing is, and the
    upstream could not be looked at, or keeps what was redacted here. What was once wrong with the upstream is told last,
    with its date; what a writer signed and nobody can use is told, too, and is not wrong.
    """

    config = wiring.read_config()
    with wiring.open_changelog(config) as changelog:
        alarms = changelog.alarms()
        checked = _checked(changelog, check_upstream(config, changelog), alarms)
        if hosts:
            checked.heard.extend(_hear(config, changelog, environment, hosts))
    return _show_json(checked) if as_json else _show(checked)


def _checked(changelog: Changelog, upstream: UpstreamCheck, alarms: Sequence[Alarm]) -> Checked:
    """Check what is here; gives it with what was found of the upstream."""
    from opskit.changelog.kept import kept_upstream

    remarks: list[Problem] = []
    problems = [*changelog.verify(remarks), *upstream.problems]
    if upstream.audited:
        remarks += upstream.audited.remarks
    kept = kept_upstream(changelog.file)
    return Checked(changelog.count(), problems, remarks, alarms, upstream, kept)


def _hear(
    config: Config, changelog: Changelog, environment: str | None, selector: str
) -> list[Testimony]:
    """Ask the hosts of every service of an environment, as far as they are chosen."""
    from opskit.rollout.witness import hear

    where = config.environment(environment).name
    services = [places[where] for places in config.services.values() if where in places]
    inventory = wiring.open_inventory(config, environment)
    chosen = wiring.select(inventory, changelog, selector)
    with wiring.open_fleet(config, inventory) as fleet:
        return [
            hear(
                service=service,
                hosts=[h.name for h in inventory.select(service.hosts) if h.name in chosen],
                fleet=fleet,
                changelog=changelog,
            )
            for service in services
        ]


def _show(checked: Checked) -> int:
    from opskit.changelog.kept import WHO, in_words

    for problem in checked.problems:
        text.say(str(problem), colour="red")
    _show_heard(checked.heard)
    many = text.plural(checked.count, "event")
    if checked.problems:
        text.mention(f"{many}, and not all is as it was written")
        if checked.upstream.problems:
            text.mention(f"hint: {checked.upstream.hint}")
    elif not checked.is_well:
        what = "all as written, but not all that hosts say fits, or could be asked for"
        text.mention(f"{many}, {what}")
    else:
        text.say(f"{many}, all as written")
    _show_upstream(checked.upstream)
    if checked.kept:
        text.say(f"{in_words(checked.kept)}; {WHO}", colour="red")
    for remark in checked.remarks:
        text.say(str(remark), colour="yellow")
    said = checked.upstream.said
    _show_alarms([each for each in checked.alarms if not any(each.what in w for w in said)])
    return checked.exit_code


def _show_alarms(alarms: Sequence[Alarm]) -> None:
    """Tell what once was wrong, as history; what was just said as a warning is not said again."""
    older = len(alarms) - MOST_ALARMS
    if older > 0:
        text.say(f"{text.plural(older, 'older alarm')}: see --json", colour="yellow")
    for alarm in alarms[-MOST_ALARMS:]:
        when = f"{datetime.fromtimestamp(alarm.at_ms / 1000).astimezone():%d %b %Y %H:%M}"
        text.say(f"once, on {when}: {alarm.what} ({alarm.trick})", colour="yellow")


def _show_heard(heard: Sequence[Testimony]) -> None:
    for each in heard:
        for doubt in each.doubts:
            text.say(f"{doubt.host}, {each.service}: {doubt.what}", colour="red")
        for remark in each.remarks:
            text.say(f"{remark.host}, {each.service}: {remark.what}", colour="yellow")
        for host, error in each.errors.items():
            text.say(f"{host}, {each.service}: not asked: {error.what}", colour="yellow")
        text.say(f"{each.service}: {len(each.receipts)} receipts on hosts")


def _show_upstream(upstream: UpstreamCheck) -> None:
    audited = upstream.audited
    if audited is None:
        text.mention(f"only what is here was checked: {upstream.why}", colour="yellow")
    elif not upstream.problems:
        many = text.plural(audited.places, "place")
        text.say(f"{audited.name}: {many}, all as here ({audited.seconds:.1f} s)")
    if upstream.synced:
        sharing.mention_left(upstream.synced)


def _show_json(checked: Checked) -> int:
    audited = checked.upstream.audited
    data = {
        "events": checked.count,
        "problems": [{"where": each.where, "what": each.what} for each in checked.problems],
        "remarks": [{"where": each.where, "what": each.what} for each in checked.remarks],
        "alarms": checked.alarms,
        "upstream": {
            "checked": audited is not None,
            "not_checked": checked.upstream.why,
            "places": audited.places if audited else 0,
            "kept": checked.kept,
            "not_there": checked.upstream.synced.left if checked.upstream.synced else 0,
        },
        "hosts": [
            {
                "service": each.service,
                "environment": each.environment,
                "receipts": len(each.receipts),
                "doubts": each.doubts,
                "remarks": each.remarks,
                "not_asked": {host: error.what for host, error in each.errors.items()},
            }
            for each in checked.heard
        ],
    }
    if checked.is_well:
        return envelope.show("changelog verify", data, exit_code=checked.exit_code)
    error = ChangelogError("not all is as it was written", hint="see data.problems and data.hosts")
    return envelope.show("changelog verify", data, exit_code=1, error=error)
