"""What is known of a trouble, from all who know something: the one who asks, an address, the hosts, their logs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opskit.blame import below, onsets
from opskit.blame.looked import Looked
from opskit.blame.model import NOTHING, Question
from opskit.blame.said import MOST_TEXT, Said
from opskit.blame.undo import fold
from opskit.blame.urls import Behind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from opskit.blame.gather import Place
    from opskit.blame.model import Candidate
    from opskit.blame.onsets import Onset
    from opskit.blame.urls import Fetched


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody says of the trouble, each empty or None if they do not know.

    `at` is when it began, `hosts` show it; `onsets` say since when; `log` is a file on hosts that tells, or a unit whose journal does (`unit:NAME`). `since` is how far back to
    look. `within` are the seconds by which times that were typed may be off.
    """

    at: datetime | None = None
    service: str = ""
    hosts: tuple[str, ...] = ()
    said: Said = field(default_factory=Said)
    url: Fetched | None = None
    onsets: Mapping[str, datetime] = field(default_factory=lambda: NOTHING)
    log: str = ""
    since: datetime | None = None
    within: float | None = None

    @property
    def says_something(self) -> bool:
        """Whether anything is said to be wrong; an address that answers well shows nothing."""
        said = (
            self.at,
            self.service,
            self.hosts,
            self.said.text,
            self.is_broken,
            self.onsets,
            self.log,
        )
        return any(said)

    @property
    def is_broken(self) -> bool:
        """Whether there is an address that does not answer as it should."""
        return self.url is not None and self.url.is_bad

    @property
    def page(self) -> str:
        """The path of an address, with its query; "" for none."""
        if self.url is None:
            return ""
        parts = urlsplit(self.url.url)
        return f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What was told, what stands behind the address, what hosts said of themselves, also of the services `beneath` that those in question need, and what their logs say of `words`."""

    told: Told
    behind: Behind = field(default_factory=Behind)
    looked: Looked = field(default_factory=Looked)
    beneath: Looked = field(default_factory=Looked)
    heard: tuple[Onset, ...] = ()
    words: str = ""

    @property
    def all_looked(self) -> Looked:
        """What hosts said of all services that were asked."""
        return self.looked.also(self.beneath)

    @property
    def services(self) -> tuple[str, ...]:
        """The services that are ill: what somebody named, what stands behind an address that is broken, or whose checks fail."""
        if self.told.service:
            return (self.told.service,)
        behind = self.behind.services if self.told.is_broken else ()
        return tuple(s for s in behind if not self.looked.is_nowhere(s)) or self.looked.ill

    @property
    def onsets(self) -> Mapping[str, datetime]:
        """Since when hosts show it: what a person says counts most, a host's own log more than a file."""
        from_logs = {onset.host: onset.at for onset in self.heard if onset.at}
        return {**self.told.said.onsets, **from_logs, **self.told.onsets}

    @property
    def ill(self) -> tuple[str, ...]:
        """The hosts that show it: those that somebody named, else all of which anything says so."""
        failing = self.looked.hosts(well=False, services=self.services)
        named = (self.behind.host,) if self.told.is_broken and self.behind.host else ()
        shown = (*failing, *self.onsets, *self.told.said.hosts, *named)
        return self.told.hosts or tuple(dict.fromkeys(shown))

    @property
    def well(self) -> tuple[str, ...]:
        """The hosts that were looked at and do not show it.

        A check that finds none of the hosts that somebody named ill sees another trouble than they do, and says nothing of this one; one that none of them answered may.
        """
        failing = self.looked.hosts(well=False, services=self.services)
        is_named = self.told.hosts or self.told.onsets
        is_silent = set(self.ill) <= self.looked.silent.keys()
        counts = not is_named or is_silent or set(failing) & set(self.ill)
        fine = self.looked.hosts(well=True, services=self.services) if counts else ()
        silent = () if set(self._mute) & set(self.told.hosts) else self._mute
        return tuple(host for host in dict.fromkeys((*fine, *silent)) if host not in self.ill)

    @property
    def well_from(self) -> str:
        """By what hosts are called well: less than all may be asked of them."""
        fine = set(self.well)
        pages = {e.asked for e in self.looked.seen if e.well and e.host in fine}
        said = [f"{page} answers" if page else "the health check passes" for page in sorted(pages)]
        return ", ".join(
            [*said, *["the log does not have it"] * (not fine.isdisjoint(self._mute))]
        )

    @property
    def _mute(self) -> tuple[str, ...]:
        """The hosts whose log does not have the symptom."""
        return tuple(onset.host for onset in self.heard if onset.remark == onsets.NOT_THERE)

    @property
    def symptom(self) -> str:
        """All that is said of it; what health checks say, if nothing else is."""
        url = self.told.url.text if self.told.url and self.told.is_broken else ""
        return "\n".join(filter(None, (self.told.said.text, url))) or self.looked.said[:MOST_TEXT]

    @property
    def missing(self) -> tuple[str, ...]:
        """Sentences on what could not be found out."""
        told, odd = self.told, []
        if told.url and not told.is_broken:
            odd.append(f"{told.url.url} answers {told.url.status} just now, {self._elsewhere}")
        if told.log and not self.words:
            why = "in what is said to be wrong are no words to look for, numbers alone are none"
            odd.append(f"{told.log} was not looked into: {why}")
        if told.said.remark:
            odd.append(told.said.remark)
        odd += self._contradictions()
        return (*self.all_looked.unasked, *onsets.told(self.heard), *odd)

    @property
    def _elsewhere(self) -> str:
        """What an address shows that answers well from here: perhaps it does not on each host behind it."""
        broken = [each.host for each in self.looked.seen if each.asked and each.well is False]
        return f"but not on {fold(broken)} itself" if broken else "so it shows nothing"

    def _contradictions(self) -> Iterator[str]:
        """Say of hosts that somebody named as ill where their logs, or their checks, do not show it."""
        named = set(self.told.hosts)
        if mute := [host for host in self._mute if host in named]:
            yield f"{fold(mute)} {_was(mute)} named, but no line of {self.told.log} there has {self.words!r}: what the log says of others is not weighed"
        failing = self.looked.hosts(well=False, services=self.services)
        if named and failing and named.isdisjoint(failing):
            yield f"{fold(self.told.hosts)} {_was(self.told.hosts)} named, but the check passes there, and fails on {fold(failing)}: that may be another trouble"

    def question(self, place: Place, now: datetime) -> Question:
        """Put it as a question on what happened in a place."""
        told = self.told
        began = told.at or (None if self.onsets else told.said.first)
        looked = self.all_looked
        return Question(
            at=min(began or now, now),
            is_onset=began is not None,
            environment=place.environment,
            services=self.services or place.ill[:1] * (len(place.ill) == 1),
            ill=self.ill,
            well=self.well,
            fleet=place.hosts_of(place.ill or place.services),
            onsets=self.onsets,
            onset_from=self._onsets_from(),
            well_from=self.well_from,
            within=told.within if self.onsets.keys() <= told.onsets.keys() else None,
            symptom=self.symptom,
            by_check=began is None and self._by_check,
            needed=below.needed(place, looked.ill),
            needing=below.needing(place, looked.ill),
            below=tuple(below.sentences(place, looked)),
        )

    @property
    def _by_check(self) -> bool:
        """Whether health checks that fail are all that is known."""
        told = self.told
        failing = self.looked.hosts(well=False, services=self.services)
        asked = any(each.asked for each in self.looked.seen)
        return bool(failing) and not (asked or told.said.text or told.log or told.onsets)

    def _onsets_from(self) -> str:
        told = self.told
        sources = (
            "--onset" if told.onsets else "",
            f'the first line of {told.log} with "{self.words}"'
            if any(o.at for o in self.heard)
            else "",
            f"the first line of {told.said.source} for each host" if told.said.onsets else "",
        )
        return ", ".join(filter(None, sources))


def _was(hosts: Collection[str]) -> str:
    return "was" if len(hosts) == 1 else "were"


def steady(question: Question, candidates: Iterable[Candidate]) -> tuple[str, ...]:
    """Give the hosts that are well, but for those that something has come to since the trouble began: they may have been ill."""
    changed = {
        host
        for candidate in candidates
        for host, at in (*candidate.flips.items(), *candidate.retreats.items())
        if at > question.at
    }
    return tuple(host for host in question.well if host not in changed)
