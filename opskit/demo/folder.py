"""The files of a demo fleet: everything that a real fleet's folder has, and the homes of its hosts."""

from __future__ import annotations

import json
import random
import secrets
import shutil
import socket
import subprocess
import sys
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from opskit.demo.keys import known_hosts_line, make_key
from opskit.demo.shop.history import write_archives, write_repository
from opskit.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("web01", "web02", "web03")
ADDRESS = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class DemoHost:
    """A host: its SSH server's port, and the port that is kept for its shop."""

    name: str
    port: int
    shop_port: int


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """Where everything of one demo lies; `changelog` is the name of its changelog."""

    path: Path
    changelog: str
    hosts: tuple[DemoHost, ...]

    @property
    def machinery(self) -> Path:
        """The folder of what a real fleet would not have beside opskit.toml: server keys, logs, pids."""
        return self.path / ".demo"

    @property
    def key(self) -> Path:
        """The private key that every host lets in."""
        return self.path / "key"

    def home(self, host: DemoHost) -> Path:
        """Give the host's home folder."""
        return self.path / "hosts" / host.name


def create(path: Path) -> DemoFolder:
    """Write a new demo into `path`, which is new or empty; raises UsageError."""
    path = path.resolve()
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"{path}: is not empty", hint="name a folder that is new or empty")
    hosts = tuple(DemoHost(name, free_port(), free_port()) for name in NAMES)
    demo = DemoFolder(path, f"demo-{secrets.token_hex(4)}", hosts)
    demo.machinery.mkdir(parents=True, mode=0o700)
    _write_facts(demo)
    _write_keys(demo)
    _write_fleet(demo, _write_history(demo))
    return demo


def find(path: Path) -> DemoFolder:
    """Read what `create` wrote into `path`; raises UsageError if that is no demo."""
    path = path.resolve()
    try:
        facts = json.loads((path / ".demo" / "fleet.json").read_text("utf-8"))
        hosts = tuple(DemoHost(**host) for host in facts["hosts"])
        return DemoFolder(path, str(facts["changelog"]), hosts)
    except (OSError, ValueError, KeyError, TypeError):
        hint = "name the folder that `opskit demo --keep` made"
        raise UsageError(f"{path}: there is no demo in this folder", hint=hint) from None


def free_port() -> int:
    """Give a free port below those that outgoing connections are given, so that it stays free."""
    while True:
        port = random.randrange(15000, 32000)  # noqa: S311 - no secret
        with suppress(OSError), closing(socket.socket()) as probe:
            probe.bind((ADDRESS, port))
            return port


def has_git() -> bool:
    """Tell whether git works here (on macOS there may be a git that only asks to be installed)."""
    if not shutil.which("git"):
        return False
    return subprocess.run(["git", "--version"], capture_output=True, check=False).returncode == 0


def _write_facts(demo: DemoFolder) -> None:
    facts = {"changelog": demo.changelog, "hosts": [asdict(host) for host in demo.hosts]}
    (demo.machinery / "fleet.json").write_text(json.dumps(facts), "utf-8")


def _write_keys(demo: DemoFolder) -> None:
    make_key(demo.key, comment="opskit demo")
    lines = []
    for host in demo.hosts:
        demo.home(host).mkdir(parents=True, mode=0o700)
        public = make_key(demo.machinery / f"{host.name}.key", comment=host.name)
        lines.append(known_hosts_line(ADDRESS, host.port, public))
    (demo.path / "known_hosts").write_text("".join(lines))


def _write_history(demo: DemoFolder) -> str:
    """Write the shop's versions and give the `source` line that deploys them."""
    if has_git():
        write_repository(demo.path / "shop")
        return '{ git = "shop" }'
    write_archives(demo.path / "builds")
    return '{ artifact = "builds/shop-{revision}.tar.gz" }'


def _write_fleet(demo: DemoFolder, source: str) -> None:
    templates = files("opskit.demo").joinpath("files")
    config = Template(templates.joinpath("opskit.txt").read_text("utf-8")).substitute(
        changelog=json.dumps(demo.changelog),
        python=json.dumps(sys.executable, ensure_ascii=False),
        source=source,
    )
    vars = "".join(f'[hosts.{h.name}]\nvars = {{ port = "{h.shop_port}" }}\n' for h in demo.hosts)
    (demo.path / "opskit.toml").write_text(config + vars, "utf-8")
    (demo.path / "tasks.py").write_text(
        templates.joinpath("tasks.txt").read_text("utf-8"), "utf-8"
    )
    (demo.path / "ssh_config").write_text("\n".join(_ssh_config(demo)), "utf-8")


def _ssh_config(demo: DemoFolder) -> list[str]:
    each = [
        f"Host {host.name}\n    HostName {ADDRESS}\n    Port {host.port}\n" for host in demo.hosts
    ]
    general = (
        f'Host *\n    IdentityFile "{demo.key}"\n    IdentitiesOnly yes\n'
        f'    UserKnownHostsFile "{demo.path / "known_hosts"}"\n    RequestTTY no\n'
    )
    return [*each, general]
