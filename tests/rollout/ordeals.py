"""One host of a fleet goes bad at one step of one action: what must hold then, and after it is well again."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.changelog import Changelog
from tests.rollout.victims import Ended
from tests.support.processes import at_home
from tests.support.trap import KINDS, through_proxies
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.changelog import RolloutRecord
    from tests.rollout.victims import Server
    from tests.support.light import Light
    from tests.support.trap import Trapped

QUICK = 'connect_timeout = "3s"\nchannel_timeout = "3s"\nkeepalive = "700ms"'
LIMIT = 90.0  # seconds that a run may take, whatever a host does
CODES = {"done": 0, "failed": 1, "partial": 3, "refused": 5}
BACK_SOON = ("reboots", "resets", "limits", "fills")
STEPS = {
    "deploy": ("probe", "probe 2", "lock", "stage", "switch", "restart", "check", "mark", "unlock"),
    "rollback": ("probe", "probe 2", "lock", "mark", "switch", "restart", "check", "mark 2", "unlock"),
    "restart": ("probe", "probe 2", "lock", "receipt", "restart", "check", "unlock"),
}  # fmt: skip
POINTS = tuple(
    (action, step, moment, kind)
    for action, steps in STEPS.items()
    for step in steps
    for moment in ("before", "after")
    for kind in KINDS
)


NOT_YET = Ended(0, 0, (), "")


def untrue(
    record: RolloutRecord,
    real: Mapping[str, str],
    before: Mapping[str, str],
    bad: Mapping[str, bool],
) -> list[object]:
    """Give what the changelog says of a host that is not so; `bad` tells of each bad host whether it could be asked in the end."""
    found: list[object] = []
    for host in record.hosts:
        told = (host.name, host.outcome, host.live, host.error, real[host.name])
        if host.name not in bad:
            right = host.outcome == "done" and host.live == real[host.name] == (
                host.to or host.live
            )
            found += [] if right else [told]
            continue
        untouched = host.outcome in ("skipped", "unreachable")
        if (host.live or untouched) and real[host.name] != (host.live or before[host.name]):
            found.append(told)
        if not host.live and host.outcome not in ("unknown", "failed", "unreachable"):
            found.append(("nobody knows, and it is said to be", *told))
        if bad[host.name] and (host.outcome == "unknown" or not (host.live or untouched)):
            found.append(("it could be asked", *told))
    return found


@dataclass
class Ordeal:
    """A fleet of three good hosts and a bad one, that goes from version to version whatever happens to the bad one."""

    light: Light
    server: Server
    bad: Trapped
    first: bool = False
    version: int = 0
    previous: int = 0
    count: int = 0
    ended: Ended = NOT_YET

    def begin(self) -> None:
        hosts = f"web[01-03],{self.bad.name}"
        self.light.configure(
            hosts=json.dumps(hosts), batches="[1, 2]", max_failures="1", ssh=QUICK, keep="3"
        )
        through_proxies(self.light, self.bad, first=self.first)
        self.deploy_next()

    @property
    def names(self) -> tuple[str, ...]:
        return ("web01", "web02", "web03", self.bad.name)

    def deploy_next(self) -> None:
        self.ok(*self._words("deploy"))

    def ok(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> Ended:
        ended = self.server.run(*arguments, *([] if arguments[0] == "status" else ["-y"]))
        assert ended.code in codes, ended.said
        return ended

    def undergo(self, action: str, step: str, moment: str, kind: str) -> float:
        """Let the host go bad once, check all that must hold, mend it; gives the seconds that the run took."""
        words, before = self._words(action), self.lives()
        word, _, times = step.partition(" ")
        self.bad.arm(word, moment, times=int(times or 1))
        began = time.monotonic()
        self.server.begin(*words, "-y")
        until(lambda: self.bad.struck, within=LIMIT, what=f"{step} of {action}")
        KINDS[kind](self.bad)
        self.ended = ended = self.server.end()
        took = time.monotonic() - began
        assert took < LIMIT, (took, ended.said)
        record = self.newest()
        self.check_true(record, ended, before, reachable=kind in BACK_SOON)
        self.bad.heal()
        self.bad.go_on()
        self.check_mended(record, words)
        return took

    def _words(self, action: str) -> tuple[str, ...]:
        if action != "deploy":
            return (action, "shop")
        self.count += 1
        self.previous, self.version = self.version, self.count
        self.light.commit(f"r{self.version}")
        return ("deploy", "shop", f"r{self.version}")

    def lives(self) -> dict[str, str]:
        """Give the release that each host really runs, by its own file system."""
        found = {}
        for name in self.names:
            current = self.light.place(name, "current")
            assert not current.exists() or current.is_symlink()
            assert not current.is_symlink() or (current / "version").read_text(), name
            found[name] = current.readlink().name if current.is_symlink() else ""
        return found

    def check_true(
        self, record: RolloutRecord, ended: Ended, before: dict[str, str], *, reachable: bool
    ) -> None:
        """Compare what the changelog says with what the hosts run."""
        assert ended.code == CODES[record.outcome], (record.outcome, ended.said)
        found = untrue(record, self.lives(), before, {self.bad.name: reachable})
        assert found == [], ended.said
        assert [name for name in self.light.locks() if name != self.bad.name or reachable] == []

    def check_mended(self, record: RolloutRecord, words: tuple[str, ...]) -> None:
        """Go on once the host is well: everything is as it was wanted, and nothing of the fault is left."""
        action = words[0]
        if record.outcome != "done":
            self.ok("resume", record.id, codes=(0, 1, 3))
        until(lambda: not self._orphans(), within=LIMIT, what="what ran on unseen to end")
        if action == "rollback":
            self.version, self.previous = self.previous, 0
        wanted = dict.fromkeys(self.names, f"r{self.version}")
        live = {name: self.light.live_on(name) for name in self.names}
        assert all(live[name] == wanted[name] for name in self.names[:3]), live
        if live != wanted:
            again = ("rollback", "shop", "--to") if action == "rollback" else ("deploy", "shop")
            self.ok(*again, f"r{self.version}", "-H", self.bad.name)
        if self.light.locks():
            self.ok("restart", "shop")
        assert self.light.locks() == []
        self.lives()
        assert {name: self.light.live_on(name) for name in self.names} == wanted
        assert not list(self.light.place(self.bad.name).glob(".current.*"))
        if "a restart checks it anew" in self.ok("status", "shop", codes=(0, 1)).said:
            self.ok("restart", "shop")  # a rollback does not wait for a disk that takes its mark
        self.ok("status", "shop")
        if not self.previous:
            self.deploy_next()

    def _orphans(self) -> list[int]:
        return at_home([self.light.hosts.folder(self.bad.name)])

    def newest(self) -> RolloutRecord:
        with Changelog(
            Path(os.environ["OPSKIT_STATE_DIR"]) / "test" / "changelog.db"
        ) as changelog:
            return changelog.rollouts()[0]
