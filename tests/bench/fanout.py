"""One command on many loopback hosts: wall time and the client's CPU, of whole processes.

All hosts are one OpenSSH server on many addresses of 127.0.0.0/8, on the same machine: what sshd
itself costs (about 20 ms of CPU a connection) is in every tool's wall time, and in nobody's CPU.
"""

from __future__ import annotations

import json
import os
import pwd
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.demo.keys import make_key
from tests.support.hosts import free_port, greets, no_penalties, sshd
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COMMAND = "echo $((6 * 7))"
PEERS = Path(__file__).parent / "peers"
REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Site:
    """A server on many addresses, and the client's files."""

    folder: Path
    port: int
    user: str

    def addresses(self, count: int) -> list[str]:
        return [f"127.0.{1 + n // 250}.{1 + n % 250}" for n in range(count)]

    def name(self, suffix: str) -> Path:
        return self.folder / suffix


def main(counts: Sequence[int], rounds: int, only: set[str]) -> None:
    """Run every tool in turn, `rounds` times, for each number of hosts; print medians."""
    with serving(max(counts)) as site:
        for count in counts:
            tools = {k: v for k, v in commands(site, count).items() if not only or k in only}
            times: dict[str, list[tuple[float, float]]] = {name: [] for name in tools}
            for _ in range(rounds):
                for name, argv in tools.items():
                    times[name].append(measured(name, argv, site, count))
            show(count, times)


@contextmanager
def serving(most: int, *, homes: bool = False, sshd_config: str = "") -> Iterator[Site]:
    """Serve `most` addresses; with `homes`, each has a home of its own in the folder `homes`. `sshd_config` are lines that take the place of others."""
    memory = "/dev/shm" if homes and Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as name:
        site = Site(Path(name), free_port(), pwd.getpwuid(os.getuid()).pw_name)
        prepare(site, most, homes=homes)
        config = site.name("sshd_config")
        words = {line.split()[0] for line in sshd_config.splitlines()}
        kept = [line for line in config.read_text().splitlines() if line.split()[0] not in words]
        config.write_text("\n".join((*sshd_config.splitlines(), *kept, "")))
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        argv = [str(sshd()), "-D", "-e", "-f", str(site.name("sshd_config"))]
        with site.name("log").open("wb") as log:
            server = subprocess.Popen(argv, stdout=log, stderr=log)
        try:
            until(lambda: greets("127.0.0.1", site.port), what="the server")
            yield site
        finally:
            server.terminate()
            server.wait()


def prepare(site: Site, most: int, *, homes: bool = False) -> None:
    make_key(site.name("key"), comment="bench")
    public = make_key(site.name("host_key"), comment="bench")
    known = [f"[{a}]:{site.port} {' '.join(public.split()[:2])}\n" for a in site.addresses(most)]
    site.name("known_hosts").write_text("".join(known))
    lenient = "".join(f"{keyword} {value}\n" for keyword, value in no_penalties().items())
    site.name("sshd_config").write_text(
        f"ListenAddress 0.0.0.0:{site.port}\nHostKey {site.name('host_key')}\n"
        f"AuthorizedKeysFile {site.name('key')}.pub\nPidFile none\nStrictModes no\nUsePAM no\n"
        f"UseDNS no\nMaxStartups 2000\n{lenient}LogLevel ERROR\n{home_lines(site, most, homes=homes)}"
    )
    site.name("ssh_config").write_text(
        f"Host *\n  Port {site.port}\n  User {site.user}\n  IdentityFile {site.name('key')}\n"
        f"  IdentitiesOnly yes\n  UserKnownHostsFile {site.name('known_hosts')}\n  BatchMode yes\n"
    )
    site.name("settings.json").write_text(
        json.dumps({"port": site.port, "user": site.user, "folder": str(site.folder)})
    )


def home_lines(site: Site, most: int, *, homes: bool) -> str:
    if not homes:
        return f"SetEnv HOME={site.folder}\n"
    return "".join(
        f"Match LocalAddress {address}\n  SetEnv HOME={site.name('homes')}/{address}\n"
        for address in site.addresses(most)
    )


def commands(site: Site, count: int) -> dict[str, list[str]]:
    """Give each tool's command line; those not installed are left out."""
    addresses = site.addresses(count)
    site.name("list").write_text("\n".join(addresses) + "\n")
    write_toml(site, addresses)
    found = {"opskit": opskit_argv(site)}
    config = str(site.name("ssh_config"))
    for name, options in (("ssh", ""), ("ssh curve25519", "-oKexAlgorithms=curve25519-sha256")):
        ssh = f"xargs -P 64 -I@ ssh -F {config} {options} @ '{COMMAND}' < {site.name('list')}"
        found[name] = ["sh", "-c", ssh]
    for name, module in (("fabric group", "fabric"), ("asyncssh", "asyncssh")):
        if has(module):
            found[name] = [
                sys.executable,
                str(PEERS / f"{module}_peer.py"),
                str(site.folder),
                COMMAND,
            ]
    if shutil.which("clush"):
        options = ["-S", "-f", "64", "-o", f"-F {config}", "-w", ",".join(addresses)]
        found["clush"] = ["clush", *options, COMMAND]
    return found


def opskit_argv(site: Site) -> list[str]:
    """Give the whole CLI's command line, or that of a small driver as long as there is no `exec`."""
    if (REPOSITORY / "opskit/cli/exec.py").exists():
        return [
            sys.executable,
            "-m",
            "opskit",
            "exec",
            "-H",
            "*",
            "-m",
            "bench",
            "--",
            COMMAND,
        ]
    return [sys.executable, str(PEERS / "opskit_peer.py"), str(site.folder), COMMAND]


def write_toml(site: Site, addresses: Sequence[str]) -> None:
    names = ", ".join(json.dumps(address) for address in addresses)
    site.name("opskit.toml").write_text(
        f"[ssh]\nconfig = {json.dumps(str(site.name('ssh_config')))}\n"
        f"known_hosts = [{json.dumps(str(site.name('known_hosts')))}]\n"
        f"[environments.bench]\nhosts = [{names}]\n"
    )


def has(module: str) -> bool:
    return (
        subprocess.run(
            [sys.executable, "-c", f"import {module}"], capture_output=True, check=False
        ).returncode
        == 0
    )


def measured(name: str, argv: Sequence[str], site: Site, count: int) -> tuple[float, float]:
    """Run a tool; give wall seconds and CPU seconds of it and its children. All hosts must answer."""
    environment = {
        **os.environ,
        "OPSKIT_STATE_DIR": str(site.name("state")),
        "HOME": str(site.folder),
    }
    environment["PYTHONPATH"] = str(REPOSITORY)
    environment.pop("SSH_AUTH_SOCK", None)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        argv, cwd=site.folder, env=environment, capture_output=True, text=True, check=False
    )
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    answers = done.stdout.count("42")
    assert done.returncode == 0, f"{name}: status {done.returncode}\n{done.stderr[-2000:]}"
    # opskit shows equal output once; its exit status is 0 only if every host answered 0.
    assert answers >= (1 if name == "opskit" else count), f"{name}: {answers} of {count} answered"
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def show(count: int, times: dict[str, list[tuple[float, float]]]) -> None:
    medians = {
        name: tuple(statistics.median(column) for column in zip(*rows, strict=True))
        for name, rows in times.items()
    }
    ours = medians.get("opskit", (float("nan"), float("nan")))
    print(f"\n{count} hosts{'':14} wall s  / opskit    CPU s  / opskit    (fastest round)")
    for name, (wall, cpu) in sorted(medians.items(), key=lambda item: item[1]):
        best = min(row[0] for row in times[name])
        ratios = (
            f"{wall:8.2f} {wall / ours[0]:8.2f}x {cpu:9.2f} {cpu / ours[1]:8.2f}x {best:12.2f}"
        )
        print(f"  {name:18}{ratios}", flush=True)
