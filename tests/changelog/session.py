"""A real session, to be kept as a golden file: `python -m tests.changelog.session tests/changelog/golden/v1.session.jsonl`.

Ana and Ben share a changelog and hosts behind HAProxy; what they do leaves one of each kind of event, and of each field, that a
rollout writes. It takes root, OpenSSH and HAProxy. Times, ids and keys are other ones in each run: the file is made once for
each version of the format, and kept for ever.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.cli import isolated_environment
from tests.support.haproxy import Answers, HAProxy
from tests.support.hosts import Hosts, openssh_argv
from tests.support.light import KEYS, Light, finish, wait_for_file
from tests.support.processes import at_home
from tests.support.reboots import REBOOT, rebooting
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

NEW_NAME = 0x04000000  # CLONE_NEWUTS
BEHIND = '{ name = "edge", backends = ["shop"], drain = "5s", restore = "5s" }'
WAIT = 'touch "$HOME/waits"; while [ ! -e "$HOME/go" ]; do sleep 0.05; done'
NAMES = ("web01", "web02", "web03")


@dataclass(frozen=True)
class Session:
    """`session.ana("deploy", "shop", "v1", "-y")`, and what happens beside it."""

    light: Light
    edge: HAProxy
    folder: Path

    def ana(self, *words: str, expect: int | None = 0) -> Any:
        return self.light.opskit(*words, expect=expect, env=self._as("ana"))

    def ben(self, *words: str, expect: int | None = 0) -> Any:
        return self.light.opskit(*words, expect=expect, env=self._as("ben"))

    def configure(self, **keys: str) -> None:
        """Write opskit.toml: three hosts behind the load balancer, which can be rebooted, and the upstream."""
        given = {
            **KEYS,
            "hosts": '"web[01-03]"',
            "batches": "[1]",
            "load_balancer": BEHIND,
            **keys,
        }
        self.light.configure(extra=self.edge.toml("lb01"), **given)
        file = self.light.folder / "opskit.toml"
        text = file.read_text()
        table, name = "[environments.production]\n", 'name = "test"\n'
        text = text.replace(table, f"{table}reboot = {json.dumps(REBOOT)}\n")
        file.write_text(text.replace(name, f'{name}upstream = "file://{self.folder}/log"\n'))

    def killed(self, *words: str) -> str:
        """Let Ana do something that is killed in the first host's restart; gives its id."""
        self.configure(restart=json.dumps(WAIT))
        process = self.light.start(*words, env=self._as("ana"))
        home = self.light.hosts.folder("web01")
        wait_for_file(home / "waits")
        process.kill()
        finish(process)
        (home / "go").touch()
        until(lambda: not at_home([home]), what="the orphan to end")
        for mark in ("go", "waits"):
            (home / mark).unlink()
        self.configure()
        return str(self.ana("log", "--json").json["data"]["entries"][0]["id"])

    def _as(self, who: str) -> dict[str, str]:
        return {"OPSKIT_STATE_DIR": str(self.folder / who), "OPSKIT_ACTOR": f"{who}@example.com"}


def play(session: Session) -> None:
    """Do what is to be kept."""
    ana, ben, light = session.ana, session.ben, session.light
    ana("changelog", "init")
    ana("deploy", "shop", "v1", "-y", "-m", "the first one")
    ana("freeze", "shop", "-m", "the fair", "--until", "2h")
    ana("restart", "shop", "-y", expect=5)
    ana("thaw", "shop", "-m", "the fair is over")
    light.commit("v2")
    dead = session.killed("deploy", "shop", "v2", "-y", "-m", "a better cart")
    ben("resume", dead, "-y", "--take-over", "-m", "ana's laptop is out of power")
    ben("note", "--rollout", dead, "the cart is fine")
    session.killed("restart", "shop", "-y")
    light.make_sick("web01")
    ana(
        "restart", "shop", "-y", "-m", "it hangs", expect=1
    )  # over the dead one; web01 stays drained
    (light.hosts.folder("web01") / "sick").unlink()
    ana("resume", str(ana("log", "--json").json["data"]["entries"][0]["id"]), "-y")
    with rebooting(light, *NAMES):
        ana("reboot", "-H", "web[01-03]", "-y", "--within", "30s", "-m", "a new kernel")
        ana("exec", "-H", "web01", "-m", "to look", "cat ~/shop/current/version")
    log, kept = session.folder / "log", session.folder / "kept"
    ana("changelog", "sync")
    shutil.copy(log, kept)
    for words in ("what the backup does not have", "and what was written by who had seen that"):
        ana("note", words)
    shutil.copy(kept, log)
    ben("note", "what the upstream has instead")
    for sync in (ana, ben, ana):
        sync("changelog", "sync")


@contextlib.contextmanager
def on_stage(base: Path) -> Iterator[Session]:
    """Give what a session needs: hosts, a load balancer, a project with two versions."""
    hosts = Hosts(base / "hosts", openssh_argv).fresh()
    try:
        light = Light.create(base / "project", hosts)
        hosts.odd("lb01")
        with Answers() as answers, HAProxy(dict.fromkeys(NAMES, answers.port)) as edge:
            edge.wait_for(**dict.fromkeys(NAMES, "UP"))
            session = Session(light, edge, base)
            session.configure()
            yield session
    finally:
        hosts.close()


def main(file: Path) -> None:
    """Play the session on a machine called `laptop`, and write down what the changelog has of it."""
    ctypes.CDLL(None).unshare(NEW_NAME)
    socket.sethostname("laptop")
    with tempfile.TemporaryDirectory(prefix="opskit-session-") as name:
        base = Path(name)
        (base / "hosts").mkdir()
        os.environ.update(isolated_environment(base))
        with on_stage(base) as session:
            play(session)
            made = base / "export"
            session.ana("changelog", "export", str(made))
            shutil.copy(made, file)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
