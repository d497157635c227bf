"""Hosts that reboot: their server ends with all that runs on it, nobody answers for a moment, and they come up as another boot.

A host tells its boot id as the real script asks for it: its `cat` says it instead of the kernel's, which is that of this machine.
"""

from __future__ import annotations

import json
import shutil
import threading
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opskit.demo.keys import make_key
from opskit.rollout.boots import BOOT_ID
from tests.support.hosts import sshd
from tests.support.missing import missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.light import Light

CAT = f"""#!/bin/sh
[ "$*" = {BOOT_ID} ] || exec /bin/cat "$@"
exec /bin/cat "$HOME/boot_id"
"""
REBOOT = 'echo asked >"$HOME/reboots.new"; mv "$HOME/reboots.new" "$HOME/reboots"; exec sleep 30'
"""As a real one: it ends when the host goes down."""


@dataclass
class Rebooting:
    """Hosts of a project; `meanwhile(name)` is called while one is down, and says whether it comes up again."""

    light: Light
    names: tuple[str, ...]
    meanwhile: Callable[[str], bool] = lambda _name: True
    happened: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def home(self, name: str) -> Path:
        return self.light.hosts.folder(name)

    def boot(self, name: str) -> str:
        return (self.home(name) / "boot_id").read_text().strip()

    def new_boot(self, name: str) -> None:
        (self.home(name) / "boot_id").write_text(f"{uuid.uuid4()}\n")

    def power(self, name: str) -> None:
        """Let a host come up that stayed down."""
        self.new_boot(name)
        self.light.hosts.start(name)

    def watch(self) -> None:
        """Reboot whatever asks for it, until all is over."""
        while not self._over.wait(0.01):
            for name in self.names:
                asked = self.home(name) / "reboots"
                if asked.exists():
                    asked.unlink()
                    self._reboot(name)

    def _reboot(self, name: str) -> None:
        self.happened.append(name)
        self.light.hosts.stop(name)
        if self.meanwhile(name):
            self.power(name)

    def stop(self) -> None:
        self._over.set()

    def furnish(self, name: str) -> None:
        """Give a host a boot of its own, and a `cat` that says it."""
        folder = self.home(name) / "bin"
        folder.mkdir()
        (folder / "cat").write_text(CAT)
        (folder / "cat").chmod(0o755)
        self.new_boot(name)

    def new_machine(self, name: str) -> bool:
        """Put a new machine in the place of a host that is down: an empty home, and a host key of its own."""
        machine = self.light.hosts.host(name)
        machine.host_key.with_suffix(".key.pub").unlink()
        machine.host_key.unlink()
        make_key(machine.host_key, comment="new")
        return self.empty_machine(name)

    def empty_machine(self, name: str) -> bool:
        """Put a new machine in its place that was given the host key of the old one."""
        folder = self.home(name)
        shutil.rmtree(folder)
        folder.mkdir(mode=0o700)
        self.furnish(name)
        return True


@contextmanager
def rebooting(light: Light, *names: str) -> Iterator[Rebooting]:
    """Give these hosts (else all) a boot of their own and a way to reboot, for the block."""
    if sshd() is None:
        missing("OpenSSH's sshd")
    odd = Rebooting(light, names or light.hosts.names)
    for name in odd.names:
        odd.furnish(name)
    watcher = threading.Thread(target=odd.watch, daemon=True)
    watcher.start()
    try:
        yield odd
    finally:
        odd.stop()
        watcher.join(60)
        with suppress(KeyError):
            light.hosts.fresh()


def configure(light: Light, command: str = REBOOT, **keys: str | None) -> None:
    """Write opskit.toml as `light.configure` does, with the command by which its hosts reboot."""
    light.configure(**keys)
    file = light.folder / "opskit.toml"
    table = "[environments.production]\n"
    file.write_text(file.read_text().replace(table, f"{table}reboot = {json.dumps(command)}\n"))
