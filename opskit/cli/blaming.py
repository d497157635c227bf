"""What somebody knows of a trouble, as the options of `opskit blame` say it, and the answer to that."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from opskit.cli import hiding, wiring
from opskit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from opskit.blame.gather import Place
    from opskit.blame.model import Answer
    from opskit.blame.trouble import Told
    from opskit.changelog import Changelog
    from opskit.config.model import Config
    from opskit.config.secret import Redactor
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.inventory import Inventory

CACHE = "commits"
"""The folder of the user's cache in which what was read of commits is kept."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the options say, as they were written."""

    at: str | None
    service: str | None
    hosts: str | None
    symptom: str | None
    url: str | None
    onsets: tuple[str, ...]
    log: str | None
    since: str | None
    look: bool = dataclasses.field(kw_only=True)


def answer(
    wishes: Wishes, config: Config, environment: str | None, changelog: Changelog
) -> Answer:
    """Give the answer; raises UsageError for what cannot be read, ChangelogError."""
    from opskit.blame.inquiry import Sources, inquire

    inventory = wiring.open_inventory(config, environment)
    there = place(config, inventory)
    redactor = wiring.redactor(config)
    told = _told(wishes, config, inventory, changelog, redactor)
    _demand_agreeing(told, wishes.at)
    with _fleet(config, inventory, look=wishes.look) as fleet:
        sources = Sources(
            fleet, inventory, changelog, config.changelog, config.root, kept_commits()
        )
        found = hiding.without(inquire(told, there, sources), redactor.text)
    _remember(changelog, found)
    return found


def kept_commits() -> Path:
    """Give the folder that keeps what was read of commits; it may not exist."""
    from opskit.config.places import cache_folder

    return cache_folder() / CACHE


def _remember(changelog: Changelog, found: Answer) -> None:
    """Keep what was asked, for the verdict of whoever finds out what it was; where there is no changelog, there are no suspects."""
    from opskit.blame.asked import remember

    suspects = [suspect.candidate for suspect in found.suspects]
    candidates = [*suspects, *(each.candidate for each in found.cleared)]
    remember(changelog.file.parent, found.question, candidates, datetime.now(UTC))


@contextlib.contextmanager
def _fleet(config: Config, inventory: Inventory, *, look: bool) -> Iterator[Fleet | None]:
    if not look:
        yield None
        return
    with wiring.open_fleet(config, inventory) as fleet:
        yield fleet


def place(config: Config, inventory: Inventory) -> Place:
    """Give what opskit.toml says of the environment of an inventory."""
    from opskit.blame.gather import Place

    where = inventory.environment
    services = {name: at[where] for name, at in config.services.items() if where in at}
    lives = {
        name: tuple(host.name for host in inventory.select(service.hosts))
        for name, service in services.items()
    }
    return Place(where, services, lives)


def _told(
    wishes: Wishes,
    config: Config,
    inventory: Inventory,
    changelog: Changelog,
    redactor: Redactor,
) -> Told:
    """Give what the options say; secrets of opskit.toml that stand in it are hidden."""
    from opskit.blame.said import Said, read
    from opskit.blame.trouble import Told
    from opskit.blame.urls import fetch

    now = datetime.now().astimezone()
    said = (
        read(wishes.symptom, hosts=inventory.hosts, now=now)
        if wishes.symptom is not None
        else Said()
    )
    fetched = fetch(wishes.url) if wishes.url else None
    service = config.service(wishes.service, inventory.environment).name if wishes.service else ""
    return Told(
        at=_time(wishes.at, now, "--at"),
        service=service,
        hosts=wiring.select(inventory, changelog, wishes.hosts) if wishes.hosts else (),
        said=dataclasses.replace(said, text=redactor.text(said.text)),
        url=dataclasses.replace(fetched, text=redactor.text(fetched.text)) if fetched else None,
        onsets=_onsets(wishes.onsets, inventory, now),
        log=_path(wishes),
        since=_time(wishes.since, now, "--since"),
        within=_within(wishes.at, *wishes.onsets),
    )


def _onsets(given: Sequence[str], inventory: Inventory, now: datetime) -> dict[str, datetime]:
    """Give since when hosts show it, as HOST=TIME says; HOST may be a range or a group."""
    found: dict[str, datetime] = {}
    for word in given:
        selector, sign, when = word.rpartition("=")
        at = _time(when, now, "--onset") if sign and selector else None
        if at is None:
            raise UsageError(
                f"--onset {word!r} is no HOST=TIME", hint="write it like --onset web03=14:02"
            )
        new = {host.name: at for host in inventory.select(selector)}
        if twice := [host for host in new if host in found]:
            raise UsageError(
                f"--onset {word}: {twice[0]} has one already", hint="say it once for each host"
            )
        found |= new
    return found


def _demand_agreeing(told: Told, at: str | None) -> None:
    """Raise UsageError where --at is before all that --onset says: then one of them is wrong."""
    from opskit.changelog.when import fineness

    first = min(told.onsets, key=lambda host: told.onsets[host], default="")
    if not (at and told.at and first) or told.onsets[first] - told.at <= timedelta(seconds=fineness(at)):  # fmt: skip
        return
    raise UsageError(
        f"--at {at} is before every --onset: {first} shows it since {told.onsets[first].astimezone():%H:%M:%S}",
        hint="leave --at out, or say with --onset which host showed it then",
    )


def _within(*said: str | None) -> float | None:
    """Give by how many seconds times may be off, as they were typed; None if none was."""
    from opskit.changelog.when import fineness

    return max((fineness(word.rpartition("=")[2]) for word in said if word), default=None)


def _path(wishes: Wishes) -> str:
    """Give the log on hosts that is to be looked into, "" for none; raises UsageError where it cannot be."""
    log = wishes.log
    if log is None:
        return ""
    if not _is_journal(log) and not log.startswith(("/", "~/")):
        raise UsageError(
            f"--log {log!r}: which folder of the hosts?",
            hint="write it like --log /var/log/shop.log, or ~/shop/shared/log, or unit:shop for its journal",
        )
    if wishes.symptom is None and wishes.url is None:
        raise UsageError(
            f"--log {log}: what is to be looked for in it?",
            hint='say it with --symptom "no price for"',
        )
    if not wishes.look:
        raise UsageError(f"--log {log} is on hosts, and --no-look asks none of them")
    return log


def _is_journal(log: str) -> bool:
    """Tell whether it is the journal of a unit; raises UsageError for what is no name of one."""
    from opskit.blame.journal import named

    try:
        return named(log) is not None
    except ValueError:
        raise UsageError(
            f"--log {log!r} names no unit of systemd",
            hint="write it like --log unit:shop, or user-unit:shop for one of the login user's own",
        ) from None


def _time(said: str | None, now: datetime, option: str) -> datetime | None:
    """Give the time that an option names; raises UsageError for one that is to come."""
    from opskit.changelog.when import parse_when

    at = parse_when(said, now).astimezone(UTC) if said is not None else None
    if at and at > now:
        raise UsageError(
            f"{option} {said}: that is still to come",
            hint="say when it began, in the past; if it is there now, leave --at out",
        )
    return at
