"""`opskit verdict`: what was found out about a rollout, written into the changelog, so that blame can be graded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import click

from opskit.cli import complete, options, sharing, vouching, wiring
from opskit.cli.render import envelope, text
from opskit.errors import UsageError

if TYPE_CHECKING:
    from opskit.blame.judging import Judged
    from opskit.changelog import Changelog
    from opskit.config.model import Config

Ruling = Literal["guilty", "innocent"]


@click.command()
@click.argument("rollout", shell_complete=complete.records)
@click.argument("ruling", metavar="guilty|innocent", type=click.Choice(["guilty", "innocent"]))
@options.why
@click.option(
    "--onset",
    metavar="TIME",
    help="When the trouble began: 14:02, 'yesterday 14:00', 2h (ago), a date.",
)
@click.option("--incident", metavar="ID", help="The incident that it was about.")
@options.offline
@options.as_json
def verdict(
    rollout: str,
    *,
    ruling: Ruling,
    why: str | None,
    onset: str | None,
    incident: str | None,
    as_json: bool,
) -> int:
    """Say whether a rollout broke it, once you know.

    ROLLOUT is the beginning of the id of a rollout, of a run of a runbook, of a note, of a freeze or a thaw; or of whatever else
    `opskit blame` named on this machine: a change by hand, or of a rollout that the changelog does not know. The verdict stands in
    `opskit log`, and on that one's own page. A later verdict takes the place of an earlier one, but for the onset and
    the incident, if it names none; both stay in the changelog.
    """
    config = wiring.read_config(whole=False)
    began = _onset(onset)
    with sharing.open_changelog(config) as changelog:
        its = _judged(changelog, rollout)
        said: dict[str, object] = {"verdict": ruling, "why": _why(config, why), "onset": began}
        said |= _incident(config, incident)
        said |= _asked(config, changelog, its, onset=began or _earlier(its))
        vouching.keep_enrolled(changelog, config.changelog, tokens=False)
        about = {"service": its.service, "environment": its.environment, "rollout": its.id}
        event = changelog.append("verdict", said, **about)
    if as_json:
        return envelope.show("verdict", {"id": event.id, **about, **said})
    text.say(f"{ruling} {its.id}: {event.id}")
    _say_asked(said.get("asked"))
    return 0


def _say_asked(said: object) -> None:
    """Say which question the verdict answers, if it answers one: of several troubles it may be another one."""
    from opskit.changelog.ruling import asked_in

    asked = asked_in(said) if isinstance(said, dict) else None
    if asked is None:
        return
    services = ", ".join(asked.services) or "what was ill"
    when = f"{asked.when.astimezone():%Y-%m-%d %H:%M:%S}"
    text.say(
        f"  the trouble of {services}, as blame was asked at {when}; of another one: --onset TIME"
    )


def _judged(changelog: Changelog, prefix: str) -> Judged:
    from opskit.blame.judging import judged

    return judged(changelog, prefix)


def _why(config: Config, why: str | None) -> str:
    said = (why or "").strip()
    if not said:
        raise UsageError(
            "a verdict needs a reason, for those who ask later", hint="add -m/--why TEXT"
        )
    if len(said) > options.LONGEST:
        raise UsageError(f"the reason is longer than {options.LONGEST} characters")
    return wiring.redactor(config).text(said)


def _onset(said: str | None) -> int:
    """Give when the trouble began, in milliseconds since 1970; 0 for what nobody said."""
    from opskit.changelog.when import parse_when

    if said is None:
        return 0
    now = datetime.now().astimezone()
    if (at := parse_when(said, now)) > now:
        raise UsageError(f"--onset {said}: that has not come yet")
    return round(at.timestamp() * 1000)


def _incident(config: Config, said: str | None) -> dict[str, object]:
    """Give the run of a runbook that this process is a part of, and the incident: the one that was said, if any was."""
    from opskit.changelog.machine import during_here, incident_from

    named = incident_from(said or "")
    told = {**during_here(), **({"incident": named} if named else {})}
    redactor = wiring.redactor(config)
    return {name: redactor.text(value) for name, value in told.items()}


def _earlier(its: Judged) -> int:
    """Give the onset that the verdict says which holds so far, as `_onset` does."""
    from opskit.changelog.ruling import holding

    held = holding(its.verdicts)
    return round(held.onset.timestamp() * 1000) if held and held.onset else 0


def _asked(config: Config, changelog: Changelog, its: Judged, *, onset: int) -> dict[str, object]:
    """Give the question to blame that this answers, if one was asked here about it and the trouble of that onset (0: nobody says); secrets are taken out once more."""
    from opskit.blame.asked import recall
    from opskit.changelog.body import parts
    from opskit.changelog.body import text as text_of
    from opskit.changelog.clock import moment

    began = moment(onset) if onset else None
    found = recall(changelog.file.parent, its.id, datetime.now(UTC), onset=began)
    if found is None:
        return {}
    hide = wiring.redactor(config).text
    seen = [{**each, "reason": hide(text_of(each, "reason"))} for each in parts(found, "seen")]
    return {"asked": {**found, "symptom": hide(text_of(found, "symptom")), "seen": seen}}
