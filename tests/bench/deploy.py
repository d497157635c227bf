"""A tree of 50 MB to many loopback hosts, and one changed file of it: wall time and the client's CPU of whole processes.

Every address is a host with a home of its own on one OpenSSH server, on this machine's cores: what hosts do counts in
everybody's wall time and in nobody's CPU. Their disks are memory where the system has such a place. opskit does all of a deploy (plan, lock, record, verify, switch, prune);
the peers only bring the files, and switch where that costs no connection of its own. `opskit hard links` is like `rsync --link-dest` in that
releases share what is the same; opskit without it gives each its own copy. Both read every byte on the host, which no peer does.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench.fanout import REPOSITORY, Site, serving, show
from tests.bench.peers import bringing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

TEXTS, TEXT, BINARIES, BINARY = 2000, 12_500, 25, 1_000_000


@dataclass(frozen=True)
class Bench:
    """A site, its hosts' addresses, and the tree that is deployed."""

    site: Site
    addresses: list[str]

    @property
    def tree(self) -> Path:
        return self.site.name("tree")

    def home(self, address: str) -> Path:
        return self.site.name("homes") / address


def main(count: int, rounds: int, only: set[str]) -> None:
    """Run every tool in turn, `rounds` times, on hosts that are new each time; print medians."""
    with serving(count, homes=True) as site:
        bench = Bench(site, site.addresses(count))
        make_tree(bench.tree)
        tools = {
            name: tool
            for name, tool in tools_of(bench).items()
            if (name in only if only else name not in bringing.SLOW)
        }
        times: dict[str, dict[str, list[tuple[float, float]]]] = {"first": {}, "change": {}}
        for number in range(rounds):
            for name, commands in tools.items():
                renew(bench)
                for step in ("first", "change"):
                    if step == "change":
                        change(bench.tree, f"{number}-{name}")
                    argv = commands(step)
                    times[step].setdefault(name, []).append(measured(name, argv, site))
                    demand_same(bench, name)
        for step, rows in times.items():
            print(f"\n{step}: {TEXTS + BINARIES} files, {size(bench.tree) / 1e6:.0f} MB", end="")
            show(count, rows)


def make_tree(tree: Path) -> None:
    """Make a tree half of text and half of what cannot be packed, always the same."""
    chance = random.Random(1)
    words = [f"{chance.getrandbits(40):x}"[: chance.randint(2, 9)] for _ in range(3000)]
    for number in range(TEXTS):
        file = tree / f"app/part{number % 50}/module{number}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        length = chance.randrange(TEXT // 2, TEXT * 3 // 2)
        text = " ".join(chance.choices(words, k=length // 6))
        file.write_text(text[:length] + "\n")
    for number in range(BINARIES):
        file = tree / f"assets/image{number}.bin"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(chance.randbytes(BINARY))


def change(tree: Path, what: str) -> None:
    (tree / "app/part7/module7.txt").write_text(f"changed: {what}\n" * 400)


def size(tree: Path) -> int:
    return sum(file.stat().st_size for file in tree.rglob("*") if file.is_file())


def renew(bench: Bench) -> None:
    """Give hosts that have never seen anything, and what was written so far to the disk."""
    shutil.rmtree(bench.site.name("homes"), ignore_errors=True)
    for address in bench.addresses:
        bench.home(address).mkdir(parents=True)
    os.sync()


def demand_same(bench: Bench, name: str) -> None:
    """A tool that is fast because it does not bring everything is not fast."""
    for address in bench.addresses:
        argv = [
            "diff",
            "-rq",
            "-x",
            ".git",
            str(bench.tree),
            f"{bench.home(address)}/shop/current/",
        ]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{name} on {address}: {done.stdout[:500]}{done.stderr[:500]}"


def tools_of(bench: Bench) -> dict[str, Callable[[str], Sequence[str]]]:
    write_toml(bench)
    argv = [sys.executable, "-m", "opskit", "deploy", "shop", "-y", "-m", "bench", "-e"]
    return {
        "opskit": lambda _step: [*argv, "bench"],
        "opskit hard links": lambda _step: [*argv, "linked"],
        **bringing.peers(bench.site, bench.addresses),
    }


def write_toml(bench: Bench) -> None:
    """Write a service that lives in two environments, on the same hosts: in one, its releases share files."""
    names = ", ".join(map(json.dumps, bench.addresses))
    site = bench.site
    site.name("opskit.toml").write_text(
        f"[ssh]\nconfig = {json.dumps(str(site.name('ssh_config')))}\n"
        f"known_hosts = [{json.dumps(str(site.name('known_hosts')))}]\n"
        f"[environments]\nbench.hosts = [{names}]\nlinked.hosts = [{names}]\n"
        f'[services.shop]\npath = "~/shop"\nhosts = "*"\nsource = {{ folder = "tree" }}\nbatches = ["100%"]\n'
        "in.linked.hard_links = true\n"
    )


def measured(name: str, argv: Sequence[str], site: Site) -> tuple[float, float]:
    """Run a tool; give wall seconds and CPU seconds of it and its children."""
    environment = {
        **os.environ, "OPSKIT_STATE_DIR": str(site.name("state")), "HOME": str(site.folder),
        "PYTHONPATH": str(REPOSITORY),
    }  # fmt: skip
    environment.pop("SSH_AUTH_SOCK", None)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        argv, cwd=site.folder, env=environment, capture_output=True, text=True, check=False
    )
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, (
        f"{name}: {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    )
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
