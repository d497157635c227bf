"""What `opskit bisect` opens and asks before it begins or goes on, and what it does then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from opskit.cli import options, session, sharing, vouching, wiring
from opskit.cli.hunting import Hunt, demand_reversible, range_of
from opskit.cli.render import bisection as shown
from opskit.cli.trying import InFolder, OnHost
from opskit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.blame.bisect.record import Bisection
    from opskit.changelog import Changelog, Release
    from opskit.cli.choice import Choice
    from opskit.cli.session import Session
    from opskit.config.model import Config
    from opskit.config.service import Service

LIKE = "opskit bisect SERVICE --good REVISION --bad REVISION --check COMMAND -H HOST (or --local)"
LONGEST = 10_000
REDACTED = "[redacted]"


@dataclass(frozen=True, slots=True)
class Said:
    """What the options say, as they were written."""

    service: str | None
    good: str | None
    bad: str | None
    check: str | None
    environment: str | None
    hosts: str | None
    local: bool
    on_host: bool
    first_parent: bool
    timeout: str

    @property
    def seconds(self) -> float:
        """How long a check may take; raises UsageError."""
        return options.seconds(self.timeout, "--check-timeout")


def begin(said: Said, choice: Choice, *, stop: bool) -> int:
    """Begin a bisection; gives the exit code. Raises UsageError, RefusedError, LockedError if another one has the host, and what a deploy raises."""
    from opskit.blame.bisect.holding import demand_not_held

    _demand_whole(said, stop=stop)
    if said.local:
        config = wiring.read_config()
        service = config.service(said.service or "", said.environment)
        with sharing.open_changelog(config) as changelog:
            one = _planned(said, service, "", None)
            return _start(Hunt(_here(config, service), changelog, config, service, one, said.seconds, choice))  # fmt: skip
    with session.on_service(choice, said.service or "", said.environment, said.hosts) as (opened, service):  # fmt: skip
        session.reason(opened, choice)
        if len(opened.hosts) != 1:
            raise UsageError("bisect tries on one host", hint="-H HOST names it")
        demand_not_held(opened.changelog, service.environment, opened.config.changelog, opened.hosts[0], service.name)  # fmt: skip
        one = _planned(said, service, opened.hosts[0], _runs(opened, service))
        demand_reversible(range_of(service, first_parent=False).repository, one)
        return _start(_on_host(opened, service, one, said, choice))


def go_on(said: Said, prefix: str, choice: Choice, *, stop: bool, take_over: bool) -> int:
    """Go on with a bisection, or only put its host back, also (`take_over`) if somebody may be at it; gives the exit code. Raises UsageError, UnknownNameError, RefusedError, LockedError."""
    from opskit.blame.bisect.record import demand_open, recorded
    from opskit.blame.bisect.turn import Turns

    if any((said.service, said.good, said.bad, said.hosts, said.local, said.on_host, said.environment)):  # fmt: skip
        raise UsageError("a bisection is gone on with as it began", hint="leave out all but --resume ID, and --check")  # fmt: skip
    config = vouching.warned(wiring.read_config())
    with sharing.open_changelog(config) as changelog:
        one = recorded(changelog, prefix, config.changelog)
        turns = Turns(changelog, config.changelog, one.hash)
        knows = turns.known()
        one = recorded(changelog, one.hash, config.changelog)  # with all that those have written
        demand_open(one, turns, only_back=stop, take_over=take_over)
        if stop and _is_done(one, changelog):
            return shown.over(one, as_json=choice.as_json)
        one = one if stop else replace(one, check=_check_of(said, one, changelog))
        if not one.host:
            service = config.service(one.service, one.environment)
            return _resume(Hunt(_here(config, service), changelog, config, service, one, said.seconds, choice), knows, stop=stop)  # fmt: skip
    with session.on_service(choice, one.service, one.environment, one.host) as (opened, service):
        if not stop:
            session.reason(opened, replace(choice, why=choice.why or one.why))
        return _resume(_on_host(opened, service, one, said, choice), knows, stop=stop)


def _check_of(said: Said, one: Bisection, changelog: Changelog) -> str:
    """Give the check: as it is typed, or as it was typed here; what another one wrote runs, here or on a host by our login, only if it is typed.

    Raises UsageError.
    """
    if said.check:
        return said.check
    is_ours = one.writer == changelog.me().writer.hex()
    if is_ours and REDACTED not in one.check:
        return one.check
    where = f"on {one.host} by your login" if one.on_host else "on this machine"
    why = "has a secret in it" if is_ours else f"is from {one.actor}, and would run {where}"
    raise UsageError(f"the check {why}: {one.check}", hint="if it is what you want, add --check COMMAND")  # fmt: skip


def _demand_whole(said: Said, *, stop: bool) -> None:
    if stop:
        raise UsageError("--stop and --take-over need --resume ID")
    if not (said.service and said.good and said.bad and said.check and said.check.strip()):
        raise UsageError("what is to be bisected?", hint=LIKE)
    if bool(said.hosts) == said.local:
        raise UsageError("on one host (-H), or in a folder here (--local)?", hint=LIKE)
    if said.on_host and said.local:
        raise UsageError("--on-host runs the check on a host, and --local tries on none")
    if len(said.check) > LONGEST:
        raise UsageError(f"the check is longer than {LONGEST} characters")


def _planned(said: Said, service: Service, host: str, was: Release | None) -> Bisection:
    """Give the bisection as it is to begin, its ends found; raises SourceError, RefusedError."""
    from opskit.blame.bisect.record import Bisection
    from opskit.blame.bisect.search import ends
    from opskit.changelog import Release

    where = range_of(service, first_parent=said.first_parent)
    good, bad = ends(where, said.good or "", said.bad or "")
    return Bisection(
        hash="",
        service=service.name,
        environment=service.environment,
        good=good,
        bad=bad,
        check=said.check or "",
        host=host,
        first_parent=said.first_parent,
        was=was or Release(),
        on_host=said.on_host,
    )


def _runs(opened: Session, service: Service) -> Release:
    """Give what the host runs; raises UsageError if it runs nothing, to which it could be put back, and what keeps it from answering."""
    from opskit.changelog import Release
    from opskit.rollout.targets import survey

    (host,) = opened.hosts
    found = survey(opened.fleet, (host,), path=service.path)
    for error in found.errors.values():
        raise error
    runs = found.states[host].current
    if runs is None:
        raise UsageError(f"{host} runs no {service.name} yet, so it could not be put back")
    return Release(runs.id, runs.revision, runs.label, runs.irreversible)


def _on_host(
    opened: Session,
    service: Service,
    one: Bisection,
    said: Said,
    choice: Choice,
) -> Hunt:
    place = OnHost(opened, service, choice, one)
    return Hunt(place, opened.changelog, opened.config, service, one, said.seconds, choice)


def _here(config: Config, service: Service) -> InFolder:
    """Give what tries in folders of this machine; the secrets that its build needs are read now. Raises ConfigError."""
    from opskit.rollout.secrets import Reader

    secrets = Reader(config.root).all(service.secrets)
    return InFolder(config, service, secrets, wiring.redactor(config).also(secrets.values()))


def _start(hunt: Hunt) -> int:
    if hunt.choice.dry_run:
        return shown.planned(hunt.told, hunt.outlook(), as_json=hunt.choice.as_json)
    _ask(hunt, shown.question(hunt.told, hunt.outlook()))
    vouching.keep_enrolled(hunt.changelog, hunt.config.changelog)
    hunt.start()
    return hunt.run()


def _resume(hunt: Hunt, knows: Sequence[str], *, stop: bool) -> int:
    if hunt.choice.dry_run:
        return shown.planned(hunt.told, hunt.outlook(), as_json=hunt.choice.as_json)
    what = f"put {hunt.one.host} back as it was?" if stop else shown.question(hunt.told, hunt.outlook())  # fmt: skip
    _ask(hunt, what)
    vouching.keep_enrolled(hunt.changelog, hunt.config.changelog)
    hunt.resume(knows)
    return hunt.end() if stop else hunt.run()


def _ask(hunt: Hunt, what: str) -> None:
    """Let the operator agree to what changes a host; raises RefusedError if not."""
    if hunt.one.host:
        options.ask(what, yes=hunt.choice.yes)


def _is_done(one: Bisection, changelog: Changelog) -> bool:
    """Tell whether a bisection is over, and has left nothing to put back."""
    from opskit.blame.bisect.holding import is_changed

    return not (one.is_open or (one.host and is_changed(changelog, one)))
