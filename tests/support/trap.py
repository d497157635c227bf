"""A real OpenSSH host on which something goes wrong at a chosen step of a rollout: dead, hung, cut off, full, rebooted.

Every command there first looks whether it is the one that a trap waits for; that one stops, before or after it has done its
work, and says so. What then happens to the host is what the test does to it.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.processes import at_home, descendants, freeze, kill_all, send
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.hosts import Hosts
    from tests.support.light import Light

STEPS = {
    "probe": '[ ! -w "$d" ]',
    "lock": 'mine="$l"/',
    "stage": 'w="$p/.opskit/incoming"; c=',
    "switch": ".current.",
    "receipt": '>>"$p/.opskit/receipts"',
    "restart": '>>"$HOME/restarts"',
    "check": '"$HOME/sick"',
    "mark": '>>"$p/.opskit/history"',
    "unlock": 'f "$p/.opskit/locks/"',
}
"""What of a step's script no other has, as it stands in the line that carries it."""

# the words that make it an opskit's shell for `ps` stand in it, as they do without a trap
FORCED = """exec /bin/sh -c 'IFS= read -r s && eval ". {trap}"'"""
TRAP = """\
f={fault}
look() {{
  [ ! -e "$f.limit" ] || {{ trap '' XFSZ; ulimit -f 0; }}
  hit=
  if [ -e "$f" ]; then
    {{ IFS= read -r moment; IFS= read -r left; IFS= read -r words; }} <"$f"
    case $s in *"$words"*)
      if [ "$left" -gt 1 ]; then printf '%s\\n' "$moment" $((left-1)) "$words" >"$f.new"; mv "$f.new" "$f"
      else hit=$moment; mv "$f" "$f.struck"; fi;;
    esac
  fi
  [ "$hit" != before ] || strike
}}
strike() {{
  while [ -e "$f.struck" ]; do sleep 0.05; done
  [ ! -e "$f.limit" ] || {{ trap '' XFSZ; ulimit -f 0; }}
}}
case $s in *"while IFS= read -r s; do"*)
  eval "$(printf %b "${{s%%while IFS=*}}")"
  # what a kept shell says at the end of a script is not said before the trap has struck
  printf() {{
    case $hit$1 in 'after%s %s\\n') hit=; strike;; esac
    command printf "$@"
  }}
  turn() {{ look; eval "$(command printf %b "$s")"; }}
  while IFS= read -r s; do (turn); done
  exit
esac
look
if [ "$hit" = after ]; then
  (eval "$(printf %b "$s")"); code=$?
  strike
  exit $code
fi
eval "$(printf %b "$s")"
"""


@dataclass(frozen=True)
class Trapped:
    """A host with a trap, reached through a proxy. What is done to it, `heal` takes away again."""

    hosts: Hosts
    name: str
    proxy: Proxy
    fault: Path

    def arm(self, step: str, moment: str, *, times: int = 1) -> None:
        """Wait for the command of `step`, the n-th of them, and stop there `before` or `after` its work."""
        self.fault.write_text(f"{moment}\n{times}\n{STEPS[step]}\n")

    @property
    def waits(self) -> bool:
        """Whether no command has come into the trap yet."""
        return self.fault.exists()

    @property
    def struck(self) -> bool:
        """Whether a command stands in the trap."""
        return self._file("struck").exists()

    def go_on(self) -> None:
        """Let the command in the trap, if it lives, go on."""
        self._file("struck").unlink(missing_ok=True)
        self.fault.unlink(missing_ok=True)

    def dies(self) -> None:
        """Power off: all processes are gone at once, nobody listens any more."""
        self.hosts.stop(self.name)
        kill_all(lambda: at_home([self.hosts.folder(self.name)]))
        self._file("struck").unlink(missing_ok=True)

    def reboots(self) -> None:
        """The same, and a moment later it is back."""
        self.dies()
        self.hosts.start(self.name)

    def hangs(self) -> None:
        """Its processes stand still; its kernel still takes connections."""
        freeze(self.hosts.server(self.name))

    def vanishes(self) -> None:
        """The way there takes all and gives nothing, as after a dropped route."""
        self.proxy.swallow()

    def resets(self) -> None:
        """All connections are reset; new ones are possible, and what ran runs on there, unseen."""
        self.proxy.reset()

    def limits(self) -> None:
        """No file can grow any more: so the rest of the command in the trap finds it."""
        self._file("limit").touch()
        self._file("struck").unlink(missing_ok=True)

    def fills(self) -> None:
        """Its disk is full to the last byte: so the rest of the command in the trap finds it. A limit where there is no such disk."""
        if not self.hosts.folder(self.name).is_mount():
            self.limits()
            return
        with contextlib.suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            while file.write(b"x" * 65536):
                pass
        self._file("struck").unlink(missing_ok=True)

    def heal(self) -> None:
        """Let it be a good host again."""
        self._file("limit").unlink(missing_ok=True)
        self._ballast.unlink(missing_ok=True)
        self.proxy.heal()
        with contextlib.suppress(KeyError):
            server = self.hosts.server(self.name)
            send([server, *descendants(server)], signal.SIGCONT)
            return
        self.hosts.start(self.name)

    @property
    def _ballast(self) -> Path:
        return self.hosts.folder(self.name) / "ballast"

    def _file(self, suffix: str) -> Path:
        return self.fault.with_name(f"{self.fault.name}.{suffix}")


KINDS: dict[str, Callable[[Trapped], None]] = {
    "dies": Trapped.dies,
    "reboots": Trapped.reboots,
    "hangs": Trapped.hangs,
    "vanishes": Trapped.vanishes,
    "resets": Trapped.resets,
    "limits": Trapped.limits,
    "fills": Trapped.fills,
}


@contextlib.contextmanager
def trapped(hosts: Hosts, name: str = "bad") -> Iterator[Trapped]:
    """Add a host with a trap for this test; its home is a small disk of its own where root may mount one."""
    fault, trap = (hosts.base / f"{name}.{what}" for what in ("fault", "trap"))
    trap.write_text(TRAP.format(fault=fault))
    for old in hosts.base.glob(f"{name}.fault*"):
        old.unlink()
    machine = hosts.odd(name, ForceCommand=FORCED.format(trap=trap))
    disk = ["mount", "-t", "tmpfs", "-o", "size=40m,mode=700", "tmpfs", str(machine.folder)]
    subprocess.run(disk, capture_output=True, check=False)
    proxy = Proxy(machine.port)
    host = Trapped(hosts, name, proxy, fault)
    known = " ".join(machine.public_key.split()[:2])
    with machine.known_hosts.open("a") as file:
        file.write(f"[127.0.0.1]:{proxy.port} {known}\n")
    try:
        yield host
    finally:
        host.heal()
        host.go_on()
        proxy.close()
        subprocess.run(["umount", "-l", machine.folder], capture_output=True, check=False)


def through_proxies(light: Light, bad: Trapped, *, first: bool = False) -> None:
    """Let opskit.toml reach the bad host through its proxy; as the `first` of all hosts, if that is wanted."""
    file = light.folder / "opskit.toml"
    port = bad.hosts.host(bad.name).port
    text = file.read_text().replace(f"port = {port}\n", f"port = {bad.proxy.port}\n")
    if first:
        text = text.replace("\nhosts = [", f'\nhosts = ["{bad.name}", ')
    file.write_text(text)
