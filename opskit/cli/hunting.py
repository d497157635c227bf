"""A bisection while it is done: tried, checked, written down and shown, step by step."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from opskit.cli import hiding
from opskit.cli.render import bisection as shown
from opskit.errors import ChangelogError, LockedError, RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from opskit.blame.bisect.hunt import Hunted
    from opskit.blame.bisect.record import Bisection, Tested, Writer
    from opskit.blame.bisect.search import Next, Range
    from opskit.blame.bisect.turn import Turns
    from opskit.changelog import Changelog
    from opskit.cli.choice import Choice
    from opskit.cli.trying import InFolder, OnHost
    from opskit.config.model import Config
    from opskit.config.service import Service

MOST_DEPLOYS = 1000


@dataclass
class Hunt:
    """One bisection, where it tries commits, and what it writes and shows."""

    place: OnHost | InFolder
    changelog: Changelog
    config: Config
    service: Service
    one: Bisection
    timeout: float
    choice: Choice
    turn: str = ""
    tests: list[Tested] = field(default_factory=list)

    @property
    def where(self) -> Range:
        """What is searched."""
        return range_of(self.service, first_parent=self.one.first_parent)

    @property
    def told(self) -> Bisection:
        """The bisection as it is shown: what was typed may hold a secret."""
        return hiding.without(self.one, self.place.redactor.text)

    def outlook(self) -> Next:
        """Give what is to be tried next, but for the ends, and how much is left."""
        from opskit.blame.bisect.hunt import known_of
        from opskit.blame.bisect.search import next_of

        return next_of(self.where, known_of(self.one.good, self.one.bad, self.one.tests))

    def start(self) -> None:
        """Write that it begins, before anything is touched; raises ChangelogError."""
        from opskit.changelog import during_here, this_machine

        one, was = self.one, self.one.was
        self._own(self.writer.start({
            "good": one.good, "bad": one.bad, "check": self.place.redactor.text(one.check), "host": one.host,
            "on_host": one.on_host, "first_parent": one.first_parent, "why": self._why(), "command": self._command(),
            "was": {"release": was.release, "revision": was.revision, "label": was.label},
            "machine": this_machine(), "quiet_ms": self._quiet_ms, **during_here(),
        }))  # fmt: skip

    def resume(self, knows: Sequence[str]) -> None:
        """Write that it goes on here, by whoever `knows` these turns; raises ChangelogError, and LockedError if somebody else was quicker, with nothing done."""
        from opskit.changelog import this_machine

        one = self.one.hash
        turn = self.writer.resume(this_machine(), knows=knows, quiet_ms=self._quiet_ms)
        self._own(one, turn)
        self.demand_ours()

    def run(self) -> int:
        """Hunt to the end; however it ends, what was changed is put back. Gives the exit code; raises what a deploy raises."""
        from opskit.blame.bisect.hunt import hunt

        shown.begins(self.told, as_json=self.choice.as_json)
        found = None
        try:
            with self.place.held():
                found = hunt(self.where, self.one, self._try)
                if self.place.changed:
                    self._answer(found)
                self.writer.finish(found.outcome, found.suspects, found.reason)
        except BaseException as error:
            if found is None:
                self._stopped(error)
            else:
                self._answer(found)
            raise
        return self._show(found)

    def end(self) -> int:
        """Only put back what was changed; gives the exit code."""
        from opskit.blame.bisect.record import STOPPED

        with self.place.held(drain=False):
            pass
        one = self.one
        if one.is_open:
            self.writer.finish(STOPPED, (), "somebody stopped it")
        else:
            self.writer.finish(one.outcome, one.suspects, "")
        return shown.ended(self.told, as_json=self.choice.as_json)

    def demand_ours(self) -> None:
        """Raise LockedError if somebody else has gone on with it."""
        self.turns.demand_ours(self.turn)

    @property
    def turns(self) -> Turns:
        """Who went on with it."""
        from opskit.blame.bisect.turn import Turns

        return Turns(self.changelog, self.config.changelog, self.one.hash)

    @property
    def _quiet_ms(self) -> int:
        return round(self.timeout * 1000)

    @property
    def writer(self) -> Writer:
        """What writes its events."""
        from opskit.blame.bisect.record import Writer

        return Writer(self.changelog, self.one.service, self.one.environment, self.one.hash)

    def _own(self, hash_: str, turn: str = "") -> None:
        self.one, self.turn = replace(self.one, hash=hash_), turn or hash_[:10]
        self.place.begin(self.one, self.writer, self.demand_ours)

    def _try(self, sha: str, left: str) -> Tested:
        """Bring a commit to where it is tried, check it, and write down what came of it."""
        from opskit.blame.bisect.record import Tested
        from opskit.blame.bisect.search import SKIP

        self.demand_ours()
        shown.trying(self.where, sha, left, as_json=self.choice.as_json)
        with self.place.bring(sha) as came:
            if came.trouble:
                test = Tested(sha, SKIP, -1, came.trouble, came.output)
            else:
                test = self._check(sha, came.folder)
        self.writer.tested(test)
        self.tests.append(test)
        shown.tested(test, as_json=self.choice.as_json)
        return test

    def _check(self, sha: str, folder: Path | None) -> Tested:
        """Ask the check about the commit that is there now, on its host or on this machine."""
        from opskit.blame.bisect.check import check, check_there

        one, fleet = self.one, self.place.fleet
        if one.on_host and fleet:
            return check_there(fleet, one.host, self.service, one.check, sha, timeout=self.timeout)
        env = {"OPSKIT_REVISION": sha, "OPSKIT_HOST": one.host, "OPSKIT_FOLDER": str(folder or "")}
        hide = self.place.redactor.text
        return check(one.check, sha, folder=folder or self.config.root, env=env, timeout=self.timeout, hide=hide)  # fmt: skip

    def _stopped(self, error: BaseException) -> None:
        """Write down that it was stopped, as far as that can be written, and unless it goes on elsewhere."""
        from opskit.blame.bisect.record import STOPPED

        try:
            self.demand_ours()
            self.writer.finish(STOPPED, (), str(error) or "interrupted")
        except (ChangelogError, LockedError):
            return
        shown.stopped(self.told, as_json=self.choice.as_json)

    def _answer(self, found: Hunted) -> None:
        """Say what was found, for people: also before the host is put back, which takes its time, and may fail."""
        if not self.choice.as_json:
            shown.answer(self.told, found, self._told(found))

    def _show(self, found: Hunted) -> int:
        every = (*self.one.tests, *self.tests)
        return shown.show(self.told, found, every, self._told(found), as_json=self.choice.as_json)

    def _told(self, found: Hunted) -> list[shown.Suspect]:
        return [shown.suspect(self.where, sha, self._brought(sha)) for sha in found.suspects]

    def _brought(self, sha: str) -> list[str]:
        """Give the deploys that brought a commit to a host, the oldest first, but for those by which a bisection only tried it."""
        from opskit.blame.bisect.record import tries
        from opskit.blame.flips import changes
        from opskit.changelog import Filter

        wanted = Filter(service=self.one.service, environment=self.one.environment, action="deploy", limit=MOST_DEPLOYS)  # fmt: skip
        found = self.changelog.rollouts(wanted)
        named = [r for r in reversed(found) if any(commit.sha == sha for commit in r.commits)]
        tried = tries(self.changelog) if named else {}
        return [r.id for r in named if r.id not in tried and changes(r).flips]

    def _why(self) -> str:
        return self.place.redactor.text((self.choice.why or "").strip())

    def _command(self) -> list[str]:
        return [self.place.redactor.text(word) for word in ("opskit", *sys.argv[1:])]


def range_of(service: Service, *, first_parent: bool) -> Range:
    """Give what is searched for a service; raises UsageError for one that does not come from git."""
    from opskit.blame.bisect.search import Range
    from opskit.config.service import GitSource

    if not isinstance(service.source, GitSource):
        raise UsageError(f"{service.name} does not come from git, so it has no commits to try")
    return Range(service.source.repository, service.source.folder, first_parent)


def demand_reversible(repository: Path, one: Bisection) -> None:
    """Raise RefusedError if between what is tried and what the host runs anything stands that cannot be taken back."""
    from opskit.rollout.git import trailers

    pairs = ((one.good, one.bad), (one.was.revision, one.bad), (one.good, one.was.revision))
    for old, new in pairs:
        for said in trailers(repository, old, new, key="Irreversible") if old and new else ():
            raise RefusedError(
                f"{one.host} could not be put back over what cannot be taken back: {said}",
                hint="try it with --local",
            )
