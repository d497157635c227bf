"""A fleet of which one host in twenty goes bad in the midst of a rollout: the rest is right, and what is said of each is true."""

from __future__ import annotations

import os
import random
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
from tests.bench.fanout import serving
from tests.changelog.faults import HEAVY
from tests.rollout.ordeals import BACK_SOON, CODES, LIMIT, QUICK, STEPS, untrue
from tests.rollout.victims import Server
from tests.support.light import Light
from tests.support.many import homes_of, join
from tests.support.processes import at_home
from tests.support.trap import KINDS, Trapped, through_proxies, trapped
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.changelog import RolloutRecord
    from tests.rollout.victims import Ended
    from tests.support.hosts import Hosts

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SEED = int(os.environ.get("OPSKIT_SEED", "0"))
GOOD, BAD = (91, 5) if HEAVY else (14, 2)  # and four more that are good
SEEDS = range(1, 5) if HEAVY else (0,)  # 0 is a new one each time


@dataclass
class Fleet:
    """Many good hosts on one server, a few with traps."""

    light: Light
    server: Server
    homes: dict[str, Path]
    bad: list[Trapped]
    chance: random.Random
    kinds: dict[str, str] = field(default_factory=dict)
    watchers: list[threading.Thread] = field(default_factory=list)

    @classmethod
    def create(cls, stack: ExitStack, hosts: Hosts, folder: Path, seed: int) -> Fleet:
        site = stack.enter_context(serving(GOOD, homes=True))
        four = {name: hosts.folder(name) for name in hosts.names}
        bad = [stack.enter_context(trapped(hosts, f"bad{n}")) for n in range(BAD)]
        light = Light.create(folder / "project", hosts)
        many = homes_of(site, GOOD)
        homes = four | {each.name: hosts.folder(each.name) for each in bad} | many
        server = stack.enter_context(Server(folder, light.folder))
        chance = random.Random(seed)
        light.configure(
            hosts='"*"', batches='[1, "25%"]', max_failures=str(BAD), ssh=QUICK.replace("3s", "5s")
        )
        for each in bad:
            through_proxies(light, each)
        join(light, site, many, chance)
        return cls(light, server, homes, bad, chance)

    def lives(self) -> dict[str, str]:
        links = {name: home / "shop" / "current" for name, home in self.homes.items()}
        assert all((link / "version").exists() for link in links.values() if link.is_symlink())
        return {
            name: link.readlink().name if link.is_symlink() else "" for name, link in links.items()
        }

    def versions(self) -> dict[str, str]:
        files = {name: home / "shop/current/version" for name, home in self.homes.items()}
        return {name: file.read_text().strip() for name, file in files.items()}

    def go_bad(self, action: str) -> None:
        """Let each bad host fail in its own way at its own step."""
        for each in self.bad:
            kind = self.chance.choice(sorted(KINDS))
            step, moment = (
                self.chance.choice(STEPS[action]),
                self.chance.choice(["before", "after"]),
            )
            word, _, times = step.partition(" ")
            each.arm(word, moment, times=int(times or 1))
            self.kinds[each.name] = kind
            print(f"{each.name}: {kind} {moment} {step} of {action}", flush=True)
            self.watchers.append(
                threading.Thread(target=self._watch, args=(each, kind), daemon=True)
            )
            self.watchers[-1].start()

    def _watch(self, bad: Trapped, kind: str) -> None:
        end = time.monotonic() + 120
        while not bad.struck and time.monotonic() < end:
            time.sleep(0.02)
        KINDS[kind](bad)

    def heal(self) -> None:
        for each in self.bad:
            each.heal()
            each.go_on()
        until(lambda: not at_home([self.homes[each.name] for each in self.bad]))

    def newest(self) -> RolloutRecord:
        with Changelog(
            Path(os.environ["OPSKIT_STATE_DIR"]) / "test" / "changelog.db"
        ) as changelog:
            return changelog.rollouts()[0]

    def run(self, *arguments: str) -> Ended:
        return self.server.run(*arguments, "-y")

    def survive(self, action: str, *more: str) -> str:
        """Run it while hosts go bad, and see that all that is said of them is true; gives what came of the bad ones."""
        before = self.lives()
        self.go_bad(action)
        began = time.monotonic()
        ended = self.run(action, "shop", *more)
        took = time.monotonic() - began
        for watcher in self.watchers:
            watcher.join(2 * LIMIT)  # what is done to a host may take longer than the run
        record, real = self.newest(), self.lives()
        assert not any(each.waits for each in self.bad)
        assert ended.code == CODES[record.outcome], ended.said
        bad = {name: kind in BACK_SOON for name, kind in self.kinds.items()}
        assert untrue(record, real, before, bad) == [], ended.said
        assert len(record.hosts) == len(self.homes)
        assert took < 4 * LIMIT, ended.said
        found = {h.name: h.outcome for h in record.hosts if h.name in bad}
        print(f"FIGURES {action} of {len(self.homes)} hosts: {took:.1f} s, {record.outcome}, bad: {found}")  # fmt: skip
        self.heal()
        return record.id

    def mend(self, rollout: str, wanted: str, *again: str) -> None:
        """Bring those that were left behind where the others are."""
        late = [name for name, version in self.versions().items() if version != wanted]
        assert set(late) <= set(self.kinds), late
        for words in (("resume", rollout), *([(*again, "-H", ",".join(late))] if late else [])):
            self.run(*words)
        assert self.versions() == dict.fromkeys(self.homes, wanted)
        assert self.run("restart", "shop").code == 0
        assert not [home for home in self.homes.values() if [*home.glob("shop/.opskit/locks/*")]]


@pytest.fixture(params=SEEDS)
def fleet(request: pytest.FixtureRequest, openssh_hosts: Hosts, tmp_path: Path) -> Iterator[Fleet]:
    seed = SEED or request.param or random.randrange(1, 10**6)
    print(f"seed {seed}")
    with ExitStack() as stack:
        yield Fleet.create(stack, openssh_hosts, tmp_path, seed)


def test_one_host_in_twenty_goes_bad(fleet: Fleet) -> None:
    fleet.light.commit("v2")
    assert fleet.run("deploy", "shop", "v1").code == 0
    rollout = fleet.survive("deploy", "v2")
    fleet.mend(rollout, "v2", "deploy", "shop", "v2")
    rollout = fleet.survive("rollback")
    fleet.mend(rollout, "v1", "rollback", "shop", "--to", "v1")
