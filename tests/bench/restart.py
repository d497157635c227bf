"""A service on many loopback hosts restarted in batches: all of `opskit restart` beside the bare fan-out of its commands.

Bare is what somebody would write who only wants it done: the same restart command and the same health command on the
same hosts in the same batches, through the same fleet, and nothing known, locked, written down or let go. Scripts is the
fan-out of all that opskit sends, its lock, receipt and mark, too. The three are whole processes, in turn. A restart that takes no time shows what opskit costs; one that takes a second, what that is
beside a restart. Hosts are on this machine's cores, and what they do counts in everybody's wall time: on machines of
their own, hosts look after themselves, and the client's CPU is what opskit costs.
"""

from __future__ import annotations

import json
import statistics
import sys
from typing import TYPE_CHECKING

from tests.bench.deploy import measured
from tests.bench.fanout import PEERS, serving

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.fanout import Site

SECONDS = (0, 1, 3)


def main(count: int, rounds: int) -> None:
    """Restart `count` hosts in turn with opskit and bare, `rounds` times for each kind of restart; print medians."""
    with serving(count, homes=True) as site:
        addresses = site.addresses(count)
        (site.name("tree")).mkdir()
        (site.name("tree") / "version").write_text("1\n")
        for seconds in SECONDS:
            write_toml(site, addresses, seconds)
            if seconds == SECONDS[0]:
                for address in addresses:
                    (site.name("homes") / address).mkdir(parents=True)
                measured("deploy", opskit("deploy"), site)
            tools = {
                "opskit": opskit("restart"),
                "bare": peer(site, "bare_restart.py"),
                "scripts": peer(site, "scripted_restart.py"),
            }
            times: dict[str, list[tuple[float, float]]] = {name: [] for name in tools}
            for _ in range(rounds):
                for name, argv in tools.items():
                    times[name].append(measured(name, argv, site))
            show(count, seconds, times)


def opskit(action: str) -> list[str]:
    return [sys.executable, "-m", "opskit", action, "shop", "-y", "-m", "bench"]


def peer(site: Site, script: str) -> list[str]:
    return [sys.executable, str(PEERS / script), str(site.folder)]


def write_toml(site: Site, addresses: Sequence[str], seconds: int) -> None:
    names = ", ".join(map(json.dumps, addresses))
    site.name("opskit.toml").write_text(
        f"[ssh]\nconfig = {json.dumps(str(site.name('ssh_config')))}\n"
        f"known_hosts = [{json.dumps(str(site.name('known_hosts')))}]\n"
        f"[environments.bench]\nhosts = [{names}]\n"
        f'[services.shop]\npath = "~/shop"\nhosts = "*"\nsource = {{ folder = "tree" }}\n'
        f'restart = "sleep {seconds}; cat version >../../state"\n'
        f'health = {{ command = "test -s ../../state", within = "30s" }}\nbatches = [1, "25%"]\n'
    )


def show(count: int, seconds: int, times: dict[str, list[tuple[float, float]]]) -> None:
    print(f"\n{count} hosts, a restart takes {seconds} s, n={len(times['bare'])}: wall s, CPU s")
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in times.items()
    }
    for name, (wall, cpu) in medians.items():
        print(f"  {name:8} {wall:8.2f} {cpu:8.2f}")
    for peer_name in ("bare", "scripts"):
        each = [
            ours[0] / theirs[0]
            for ours, theirs in zip(times["opskit"], times[peer_name], strict=True)
        ]
        over = f"{statistics.median(each):.2f} (of rounds {min(each):.2f} to {max(each):.2f})"
        print(f"  opskit / {peer_name}, wall: {over}", flush=True)
