"""The whole way of blame: who is ill and since when, what happened before, and what of that is likeliest to be the cause."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opskit.blame import below, onsets, urls
from opskit.blame.answering import answer
from opskit.blame.bisect.aside import aside, ended_by
from opskit.blame.bisect.holding import held as of_environment
from opskit.blame.bisect.holding import of_hosts
from opskit.blame.gather import gather
from opskit.blame.journal import named
from opskit.blame.leftovers import joined, stays
from opskit.blame.looked import Looked
from opskit.blame.trouble import Trouble, steady
from opskit.blame.undo import fold
from opskit.blame.window import WINDOW, look
from opskit.changelog import Filter
from opskit.errors import ChangelogError, OpskitError, UsageError
from opskit.rollout.sudo import users_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from opskit.blame.bisect.holding import Holding
    from opskit.blame.gather import Place
    from opskit.blame.journal import Journal
    from opskit.blame.model import Answer, Candidate
    from opskit.blame.trouble import Told
    from opskit.blame.window import Found
    from opskit.changelog import Changelog
    from opskit.config.model import ChangelogSettings
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.inventory import Inventory


@dataclass(frozen=True, slots=True)
class Sources:
    """Where answers come from; without a `fleet`, no host is asked. `folder` is that of opskit.toml; `cache` a folder that keeps what was read of commits."""

    fleet: Fleet | None
    inventory: Inventory
    changelog: Changelog
    settings: ChangelogSettings
    folder: Path
    cache: Path | None = None


def inquire(told: Told, place: Place, sources: Sources) -> Answer:
    """Find out what can be found out, weigh what happened before, and give the answer.

    Raises ChangelogError, and OpskitError if nobody says that anything is wrong, and all hosts are well.
    """
    trouble = find_out(told, place, sources)
    held = of_environment(sources.changelog, place.environment, sources.settings)
    demand_trouble(trouble, [each.told for each in held])
    demand_there(trouble, place, sources.changelog)
    ill = trouble.services or on(place, trouble.ill)
    place = replace(place, ill=ill, kept=trouble.all_looked.kept)
    question = trouble.question(place, _now(sources.changelog))
    near = [name for name, far in place.distances().items() if far >= 0] if place.ill else []
    found = look(
        sources.changelog,
        environment=place.environment,
        at=question.at,
        services=near,
        hosts=place.hosts_of(near),
        since=told.since,
    )
    found = aside(sources.changelog, found, held)
    drifted, doubts = _drift(trouble, place, sources, found)
    gathered = ended_by(sources.changelog, gather(found, place), held)
    candidates = tuple(joined(drifted, tuple(gathered)))
    if told.at is not None:
        question = replace(question, well=steady(question, candidates))
    found_out = answer(question, candidates, cache=sources.cache)
    bisected = _bisected(place, held)
    missing = dict.fromkeys(
        (*bisected, *found_out.missing, *trouble.missing, *doubts, *found.missing)
    )
    return replace(found_out, missing=tuple(missing), since=found.since)


def demand_trouble(trouble: Trouble, held: Sequence[str] = ()) -> None:
    """Raise OpskitError where nothing is known to be wrong: whoever is named then is named for nothing. `held` says which hosts bisections have."""
    told, looked = trouble.told, trouble.looked
    if told.says_something or looked.ill or not (looked.seen or looked.silent):
        return
    checks = sum(each.well is True for each in looked.seen)
    passed = f"{checks} health check{'s' * (checks != 1)} just passed"
    silent = fold(looked.silent) if looked.silent else ""
    said = [passed if checks else "no health check could be made", *trouble.missing, *held]
    also = f" (of a host that does not answer: -H {shlex.quote(silent)})" if silent else ""
    raise OpskitError(
        f"nothing is ill that opskit can see: {'; '.join(said)}",
        hint=f"say what is wrong: --url, --symptom, -s, -H, or --at for what is over{also}",
    )


def demand_there(trouble: Trouble, place: Place, changelog: Changelog) -> None:
    """Raise OpskitError where the service that somebody named runs on none of its hosts, and no rollout is known of it: nothing can have broken it."""
    name = trouble.told.service
    known = Filter(service=name, environment=place.environment, limit=1)
    if not trouble.looked.is_nowhere(name) or changelog.rollouts(known):
        return
    hosts = fold(place.hosts_of([name]))
    raise OpskitError(
        f"{name} runs nowhere: nothing of it is on {hosts}, and the changelog knows no rollout of it",
        hint=f"deploy it: opskit deploy {name}; or name the service that is ill",
    )


def demand_behind(trouble: Trouble, place: Place) -> None:
    """Raise UsageError for an address that is broken, and of which nobody knows whose it is: what of this fleet it shows, only who asks can say."""
    told, there = trouble.told, trouble.behind
    if told.url is None or not told.is_broken or told.service or told.hosts or told.onsets:
        return
    if not (there.services or there.host):
        raise UsageError(
            f"no service here is known to stand behind {urlsplit(told.url.url).netloc}",
            hint=f"name the one that is ill: -s SERVICE, one of {', '.join(place.services)}",
        )


def find_out(told: Told, place: Place, sources: Sources) -> Trouble:
    """Ask the services in question on their hosts (all of them, if nothing says which are), and their logs."""
    there = urls.behind(told.url.url, place, sources.inventory) if told.url else urls.Behind()
    trouble = Trouble(told, there)
    demand_behind(trouble, place)
    if sources.fleet is None:
        return trouble
    named = (
        (told.service,)
        if told.service
        else there.services or on(place, (*told.hosts, *told.onsets))
    )
    asked = named or tuple(place.services)
    looked, beneath = _looked(told, place, sources.fleet, sources.folder, asked)
    trouble = replace(trouble, looked=looked, beneath=beneath)
    words = onsets.needle(trouble.symptom) if told.log else ""
    if not words:
        return trouble
    awake = [h for h in place.hosts_of(trouble.services or asked) if h not in looked.silent]
    began = (told.since or (told.at or datetime.now(UTC)) - WINDOW).astimezone(UTC)
    heard = onsets.ask(
        sources.fleet, awake, _log(told, place, asked), words, since=began, until=told.at
    )
    return replace(trouble, heard=heard, words=words)


def _log(told: Told, place: Place, services: Sequence[str]) -> str | Journal:
    """Give the log that tells: a file, or a journal, which is read by sudo where any of these services runs something as root so."""
    found = named(told.log)
    if found is None:
        return told.log
    users = {user for name in services for user in users_of(place.services.get(name))}
    return replace(found, sudo="root" in users)


def _looked(
    told: Told, place: Place, fleet: Fleet, folder: Path, asked: Sequence[str]
) -> tuple[Looked, Looked]:
    """Ask hosts for the page that is told of, also one that answers well from here: perhaps one of them does not. Also gives what those services say that are needed by the ones in question.

    Where all of them say the same of such a page, what is wrong is another thing, and their health checks count, which are asked beside it.
    """
    from opskit.blame import symptoms

    needed = [name for name in place.below(asked) if name not in asked]
    hosts = place.hosts_of((*asked, *needed))
    looked = symptoms.look(
        fleet,
        place,
        asked,
        hosts,
        folder=folder,
        page=told.page,
        and_check=not told.is_broken,
        below=needed,
    )
    here, beneath = below.apart(looked, asked, place)
    if not told.page or told.is_broken:
        return here, beneath
    if here.pages_differ:
        return here.of_pages, beneath
    here = here.of_checks
    is_below = beneath.ill and not (here.ill or told.says_something)
    return (here.also(beneath), Looked()) if is_below else (here, beneath)


def _drift(
    trouble: Trouble, place: Place, sources: Sources, found: Found
) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    if not trouble.all_looked.seen:
        return (), ()
    from opskit.blame.drift import drift

    return drift(trouble.all_looked, place, sources.changelog, sources.settings, stays(found))


def _bisected(place: Place, held: Sequence[Holding]) -> tuple[str, ...]:
    """Say of hosts that a bisection has that what they show is no sign of what was rolled out."""
    near = of_hosts(held, place.hosts_of(place.ill or place.services))
    return tuple(f"what {each.host} shows by itself: {each.told}" for each in near)


def on(place: Place, hosts: Sequence[str]) -> tuple[str, ...]:
    """Give the services that live on one of these hosts."""
    return tuple(name for name, lives in place.lives.items() if set(lives) & set(hosts))


def _now(changelog: Changelog) -> datetime:
    """Give the time of this machine, set right as far as the changelog knows how."""
    try:
        off = changelog.clock_off()
    except ChangelogError:
        off = 0
    return datetime.now(UTC) + timedelta(milliseconds=off)
