"""`opskit blame`: who broke it? What was changed before, ranked by evidence, with what undoes it."""

from __future__ import annotations

import click

from opskit.cli import blaming, complete, grading, options, sharing, vouching, wiring


@click.command()
@click.option(
    "--at",
    metavar="TIME",
    help="When it began: 14:02, 'yesterday 14:00', 20m ago; if left out, it is there now.",
)
@click.option(
    "-s",
    "--service",
    metavar="NAME",
    shell_complete=complete.services,
    help="The service that is ill.",
)
@options.hosts
@click.option(
    "--symptom",
    metavar="TEXT|FILE|-",
    help="What it says: an error, lines of a log (with times, and hosts in them), - for standard input.",
)
@click.option("--url", metavar="URL", help="An address that is broken; it is fetched from here.")
@click.option(
    "--onset",
    "onsets",
    metavar="HOST=TIME",
    multiple=True,
    help="Since when a host shows it; may be given for several.",
)
@click.option(
    "--log",
    metavar="PATH|unit:NAME",
    help="A log on the hosts, or a unit's journal there (user-unit:NAME: the login user's own): its first line with the symptom says since when each host shows it.",
)
@options.environment
@click.option("--since", metavar="TIME", help="Look back to then; 14 days if left out.")
@click.option("--no-look", is_flag=True, help="Ask no host anything: go by the changelog alone.")
@click.option(
    "--all", "everything", is_flag=True, help="Show all suspects whole, and all cleared."
)
@click.option(
    "--grade",
    is_flag=True,
    help="Tell how often the answers were right, by the verdicts that were given since.",
)
@options.offline
@options.as_json
def blame(
    *,
    at: str | None,
    service: str | None,
    hosts: str | None,
    symptom: str | None,
    url: str | None,
    onsets: tuple[str, ...],
    log: str | None,
    environment: str | None,
    since: str | None,
    no_look: bool,
    everything: bool,
    grade: bool,
    as_json: bool,
) -> int:
    """Find who broke it: ranked suspects, why, and their undo.

    With nothing given, services whose health check fails just now are what is ill. Whatever else you know helps: -H are the hosts that show it.
    The weights are bits of evidence, each with what it comes from. It names runs and commits, and whom to ask; it never weighs a person.
    Once you know, `opskit verdict ROLLOUT guilty -m WHY` says so. Exit code 1 if nothing in the changelog explains it better than that the cause is elsewhere.
    """
    from opskit.cli.render import blame as shown

    wishes = blaming.Wishes(at, service, hosts, symptom, url, onsets, log, since, look=not no_look)
    config = vouching.warned(wiring.read_config())
    with sharing.open_changelog(config) as changelog:
        if grade:
            return grading.show(config, changelog, environment, as_json=as_json)
        answer = blaming.answer(wishes, config, environment, changelog)
    if as_json:
        return shown.as_json(answer)
    return shown.show(answer, everything=everything)
