"""What hosts said of their services at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from opskit.blame.undo import fold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from opskit.rollout.probe import HostState


@dataclass(frozen=True, slots=True)
class Seen:
    """What one host says of one service: its state, whether it is well (None: not known, and `said` is why), what its check said, when
    things were changed there by hand (as far as that is known), by this machine's clock. `asked` is the page that was asked for, "" for its own health check.
    """

    service: str
    host: str
    state: HostState | None = None
    well: bool | None = None
    said: str = ""
    touched: datetime | None = None
    asked: str = ""

    @property
    def is_bare(self) -> bool:
        """Whether nothing of the service is deployed there, and that is known."""
        return self.state is not None and not self.state.live and not self.state.blocked


@dataclass(frozen=True, slots=True)
class Looked:
    """What hosts said at one moment; `silent` are hosts that could not be asked, and why."""

    seen: tuple[Seen, ...] = ()
    silent: Mapping[str, str] = field(default_factory=dict)

    def also(self, other: Looked) -> Looked:
        """Give it with what was seen elsewhere."""
        return Looked((*self.seen, *other.seen), {**self.silent, **other.silent})

    def hosts(self, *, well: bool, services: Sequence[str] = ()) -> tuple[str, ...]:
        """Give the hosts on which one of these services (any, if none is named) is ill; or all of them are well."""
        about = [each for each in self.seen if not services or each.service in services]
        ill = {each.host for each in about if each.well is False}
        found = {each.host for each in about if each.well} - ill if well else ill
        return tuple(dict.fromkeys(each.host for each in about if each.host in found))

    def is_nowhere(self, service: str) -> bool:
        """Tell whether every host was asked for a service, and none has it."""
        about = [each for each in self.seen if each.service == service]
        return bool(about) and not self.silent and all(each.is_bare for each in about)

    @property
    def pages_differ(self) -> bool:
        """Whether the page that was asked for is well on some host, and broken on another."""
        return {each.well for each in self.seen if each.asked} >= {True, False}

    @property
    def of_pages(self) -> Looked:
        """What was said of the page, and of health checks only where no page was asked for."""
        paged = {(each.service, each.host) for each in self.seen if each.asked}
        left = (e for e in self.seen if e.asked or (e.service, e.host) not in paged)
        return replace(self, seen=tuple(left))

    @property
    def of_checks(self) -> Looked:
        """What was said of health checks alone."""
        return replace(self, seen=tuple(each for each in self.seen if not each.asked))

    @property
    def ill(self) -> tuple[str, ...]:
        """The services that are ill on some host."""
        return tuple(dict.fromkeys(each.service for each in self.seen if each.well is False))

    @property
    def kept(self) -> Mapping[tuple[str, str], frozenset[str]]:
        """What hosts could go back to, by service and host: names and revisions of releases that were live there."""
        return {
            (each.service, each.host): frozenset(
                name
                for release in each.state.releases
                if release.id in each.state.good or release.id in each.state.bad
                for name in (release.id, release.revision)
            )
            for each in self.seen
            if each.state
        }

    @property
    def said(self) -> str:
        """What checks that failed said, each once."""
        return "\n".join(dict.fromkeys(each.said for each in self.seen if each.well is False))

    @property
    def unasked(self) -> tuple[str, ...]:
        """Sentences on what is not known, for want of an answer; equal words once."""
        alone: dict[str, list[str]] = {}
        for host, why in self.silent.items():
            alone.setdefault(f"could not be asked: {why}", []).append(host)
        doubts: dict[str, list[str]] = {}
        for each in self.seen:
            if each.well is None and each.said:
                doubts.setdefault(f"{each.service}: {each.said}", []).append(each.host)
        said = [f"{fold(hosts)} {why}" for why, hosts in alone.items()]
        return (*said, *(f"{why} ({fold(hosts)})" for why, hosts in doubts.items()))
