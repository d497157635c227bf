"""The record of one rollout: started before anything is touched, batches as they begin, hosts as they end, finished at last.

`rollout.hosts` holds `results` (see `HostResult.body`), or `begun`: the hosts that are touched from now on. A host that is in
neither was not reached. `drains` beside it are the seats that they are taken from, until a result of theirs says `drained` no more. That `rollout.started` has `begun` (it is empty) says that this is so: older opskits did not tell.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from opskit import __version__
from opskit.changelog import during_here, this_machine
from opskit.errors import ChangelogError
from opskit.rollout.facts import Recorded, Warned
from opskit.rollout.report import MOST_ERROR, MOST_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.changelog import Changelog, Event, RolloutRecord
    from opskit.config.secret import Redactor
    from opskit.rollout.facts import Teller
    from opskit.rollout.plan import Plan
    from opskit.rollout.report import HostResult
    from opskit.rollout.seats import Seat

NAMES = frozenset(
    {
        "name",
        "host",
        "outcome",
        "from",
        "to",
        "live",
        "step",
        "begun",
        "run",
        "was",
        "boot",
        "on_failure",
        "during",
    }
)
"""What of a body holds names, ids and words of ours alone: a password that is such a word must not make a record unreadable."""
MOST_RESULTS = 256
SECONDS_BETWEEN = 2.0


class Recorder:
    """Writes a rollout's events, without the secrets that `redactor` knows.

    Results are written within 2 s, also while nothing else happens. An event that cannot be written is kept and tried again with the next one; `error` says that some
    are kept. Only `start` raises, and only if the rollout `must` be recorded: a rollback must not.
    """

    def __init__(
        self,
        changelog: Changelog,
        plan: Plan,
        *,
        actor: str,
        redactor: Redactor,
        tell: Teller,
        must: bool,
    ) -> None:
        self.error: ChangelogError | None = None
        self.must = must
        self._changelog = changelog
        self._plan = plan
        self._actor = actor
        self._redactor = redactor
        self._tell = tell
        self._began = time.monotonic()
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None
        self._results: list[HostResult] = []
        self._kept: list[tuple[str, dict[str, object]]] = []
        self._started: Event | None = None
        self._run = {"run": plan.run} if plan.run else {}

    @property
    def is_begun(self) -> bool:
        """Whether the beginning stands in the changelog."""
        return self._started is not None

    @property
    def seconds(self) -> float:
        """How long the rollout has been going on."""
        return time.monotonic() - self._began

    def start(self, *, path: str = "") -> None:
        """Make the rollout durable, or that it is resumed; only then may a host be touched. Raises ChangelogError.

        `path` is the service's on hosts: who resumes it looks there.
        """
        body = self._plan.body()
        body |= {"command": command_line(), "opskit": __version__, "machine": this_machine()}
        body |= during_here()
        if self._plan.run:
            self._append("rollout.resumed", body)
        else:
            self._append("rollout.started", {**body, "begun": [], "path": path})
        if self.error is None:
            self._tell(Recorded(self._plan.rollout))
        elif self.must:
            raise self.error

    def host(self, result: HostResult) -> None:
        """Take a host's result; it is written with others, within 2 s or 256 of them."""
        with self._lock:
            self._results.append(result)
            if len(self._results) >= MOST_RESULTS:
                self.flush()
            elif self._timer is None:
                self._timer = threading.Timer(SECONDS_BETWEEN, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def begin(self, hosts: Sequence[str], seats: Sequence[Seat] = ()) -> None:
        """Write that these hosts are touched from now on, and which seats they are taken from: should this die, nobody knows what they run."""
        drains = {"drains": [seat.body() for seat in seats]} if seats else {}
        self._append("rollout.hosts", {"results": [], "begun": list(hosts), **drains, **self._run})

    def flush(self) -> None:
        """Write the results taken so far."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            results, self._results = self._results, []
            if results:
                told = [result.body() for result in results]
                self._append("rollout.hosts", {"results": told, **self._run})

    def finish(
        self,
        outcome: str,
        reason: str,
        *,
        output: str = "",
        lost: bool = False,
        void: bool = False,
    ) -> None:
        """Write how it ended, and the last lines of what ended it if that was no host.

        `lost` says that hosts refused it: somebody may have gone on, whose word then counts more. `void` says that this run,
        which was to go on with another, never held its hosts.
        """
        self.flush()
        said = {"reason": reason[:MOST_ERROR], "output": output[-MOST_OUTPUT:], **self._run}
        ms = round(self.seconds * 1000)
        more: dict[str, object] = {"lost": True} if lost else {}
        if void and self._plan.run:
            more = {"void": True, "was": self._plan.was}
        self._append("rollout.finished", {"outcome": outcome, **said, "ms": ms, **more})

    def abandon(self, rollout: RolloutRecord) -> None:
        """Write that an earlier rollout of this machine never came to its end and never will."""
        with self._lock, contextlib.suppress(ChangelogError):
            # it stays unfinished in the log if this cannot be written; the next run tries again
            self._changelog.append(
                "rollout.abandoned",
                {"by": self._plan.rollout},
                service=rollout.service,
                environment=rollout.environment,
                rollout=rollout.events[0].header.rollout,
                action=rollout.action,
            )

    def receipt(self, *, before: str, after: str) -> str:
        """Give the line that is left on a host before it is changed: JSON, ASCII, no line feed."""
        header = self._started.header if self._started else None
        return json.dumps(
            {
                "writer": header.writer if header else "",
                "seq": header.seq if header else 0,
                "hash": self._started.hash.hex() if self._started else "",
                "actor": self._actor,
                "rollout": self._plan.rollout,
                "action": self._plan.action,
                "from": before,
                "to": after,
                "at": int(time.time() * 1000),
            }
        )

    def _append(self, kind: str, body: dict[str, object]) -> None:
        with self._lock:
            self._kept.append((kind, redacted(body, self._redactor)))
            try:
                while self._kept:
                    event = self._write(*self._kept[0])
                    self._started = self._started or event
                    self._kept.pop(0)
            except ChangelogError as error:
                self.error = error
                if self._started or not self.must:
                    self._tell(Warned(f"not recorded yet: {error.what}"))
            else:
                self.error = None

    def _write(self, kind: str, body: dict[str, object]) -> Event:
        plan = self._plan
        return self._changelog.append(
            kind,
            body,
            service=plan.service,
            environment=plan.environment,
            rollout=plan.rollout,
            action=plan.action,
        )


def redacted(value: Any, redactor: Redactor) -> Any:
    """Give a body without secrets, wherever in it they stand, but for what names things: it is never what somebody said."""
    if isinstance(value, str):
        return redactor.text(value)
    if isinstance(value, list):
        return [redacted(item, redactor) for item in value]
    if isinstance(value, dict):
        return {
            name: item
            if name in NAMES and not isinstance(item, dict)
            else redacted(item, redactor)
            for name, item in value.items()
        }
    return value


def command_line() -> list[str]:
    """Give the command as it was typed, each word at most 500 characters."""
    return ["opskit", *(word[:500] for word in sys.argv[1:])]
