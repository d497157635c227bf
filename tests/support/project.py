"""A real project to deploy: a git repository with a small web service, and the opskit.toml of test hosts."""

from __future__ import annotations

import json
import sys
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.demo.shop.history import Change, commit, git, sold
from tests.support.cli import Completed, Opskit
from tests.support.waiting import until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.hosts import Hosts

# The [services.shop] keys as TOML; `configure` replaces and adds.
SERVICE: Mapping[str, str] = {
    "path": '"~/shop"',
    "hosts": '"@web"',
    "source": '{ git = "." }',
    "restart": '"sh control restart"',
    "health": '{ http = "http://127.0.0.1:{port}/health", within = "5s", interval = "100ms", timeout = "2s" }',
    "shared_folders": '["run"]',
    "env": f"{{ PYTHON = {json.dumps(sys.executable)} }}",
    "batches": "[1, 2]",
}


@dataclass(frozen=True)
class Project:
    """A folder with opskit.toml and the repository of `shop`, which runs on web01 to web04.

    `project.commit("v1")`; `project.commit("v2", good=False)`; `project.opskit("deploy", "shop", "v1")`;
    `project.page("web01")` is what the service answers there.
    """

    folder: Path
    hosts: Hosts

    @classmethod
    def create(cls, folder: Path, hosts: Hosts) -> Project:
        folder.mkdir()
        git(folder, "init", "--quiet")
        (folder / ".gitignore").write_text("opskit.toml\n.opskit\n")
        project = cls(folder, hosts)
        project.configure()
        project.commit("v1")
        return project

    def configure(self, *, extra: str = "", require_why: bool = False, **keys: str | None) -> None:
        """Write opskit.toml: `keys` of [services.shop] as TOML (None leaves one out), `extra` at the end."""
        lines = [f"{key} = {value}" for key, value in {**SERVICE, **keys}.items() if value]
        text = "\n".join(
            ['[changelog]\nname = "test"\n', "[services.shop]", *lines, "", extra, ""]
        )
        hosts = self.hosts.toml(require_why=require_why)
        (self.folder / "opskit.toml").write_text(f"{text}\n{hosts}")

    def commit(
        self, tag: str, *, good: bool = True, author: str = "ana", subject: str = ""
    ) -> str:
        """Commit and tag a version of the service and give its hash; a bad one answers /health with 500."""
        catalogue = sold(tag, f"This is {tag}", sencha=7.5 if good else "dear")
        subject = subject or f"Make {tag}, {'good' if good else 'bad'}"
        return commit(self.folder, Change(author, subject, catalogue, tag))

    def opskit(
        self, *arguments: object, expect: int | None = 0, env: Mapping[str, str] | None = None
    ) -> Completed:
        """Run the real CLI in the project."""
        return Opskit(self.folder)(*arguments, expect=expect, env=env)

    def start(
        self, *arguments: object, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start the real CLI in the project, for the test to watch and signal."""
        return Opskit(self.folder).start(*arguments, env=env)

    def page(self, host: str, path: str = "/") -> str:
        """Give what the service on a host answers, or nothing if it does not."""
        url = f"http://127.0.0.1:{self.hosts.host(host).service_port}{path}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(url, timeout=30) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def versions(self) -> dict[str, str]:
        """Give the version that each host serves; "" where none is."""
        pages = {name: self.page(name).split("\n")[0] for name in self.hosts.names}
        return {name: page.removeprefix("Tea shop ") for name, page in pages.items()}

    def wait_for(self, host: str, version: str) -> None:
        until(lambda: f"Tea shop {version}" in self.page(host), what=f"{version} on {host}")

    def release(self, host: str) -> str:
        """Give the release that `current` of the service on a host points at, or nothing."""
        current = self.hosts.folder(host) / "shop" / "current"
        return current.readlink().name if current.is_symlink() else ""
