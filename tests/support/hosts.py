"""Real SSH hosts on the loopback for tests: OpenSSH's sshd, or the demo's own server.

Each host is one server process with its own port, host key and home folder. Commands run as the
current user, with HOME set to the host's folder (with OpenSSH they start in the user's real home).
"""

from __future__ import annotations

import functools
import json
import os
import pwd
import random
import re
import shutil
import socket
import subprocess
import sys
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.demo.keys import known_hosts_line, make_key
from tests.support.processes import at_home, freeze, kill, kill_all
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

WORKERS = 16
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
_given: set[int] = set()
NAMES = ("web01", "web02", "web03", "web04")
Options = dict[str, "str | list[str] | None"]


@dataclass(frozen=True)
class Machine:
    """What a client must know of a host, and `folder`, its home; `service_port` is free for its service."""

    name: str
    base: Path
    port: int
    service_port: int
    user: str
    public_key: str
    address: str = "127.0.0.1"

    @property
    def folder(self) -> Path:
        return self.base / self.name

    @property
    def key(self) -> Path:
        """The private key that the host lets in."""
        return self.base / "user_key"

    @property
    def host_key(self) -> Path:
        return self.base / f"{self.name}.key"

    @property
    def known_hosts(self) -> Path:
        return self.base / "known_hosts"

    @property
    def log(self) -> Path:
        """What the server said."""
        return self.base / f"{self.name}.log"


class Hosts:
    """A fleet of hosts; `fresh()` before and `clean()` after each test make it like new."""

    def __init__(self, base: Path, argv: Callable[[Machine, Options], list[str]]) -> None:
        self.base = base
        self._argv = argv
        self._machines: dict[str, Machine] = {}
        self._options: dict[str, Options] = {}
        self._servers: dict[str, subprocess.Popen[bytes]] = {}
        make_key(base / "user_key", comment="test")
        for name in NAMES:
            self._add(name, {})

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._machines)

    def host(self, name: str) -> Machine:
        return self._machines[name]

    def folder(self, name: str) -> Path:
        """Give the host's home, empty at the start of each test."""
        return self._machines[name].folder

    def odd(
        self, name: str, *, address: str = "127.0.0.1", **sshd_options: str | list[str] | None
    ) -> Machine:
        """Add a host at an address of loopback, for this test, with lines in its sshd_config (`None` leaves a line out).

        `hosts.odd("csh", ForceCommand=login_shell("/bin/tcsh"))`, `hosts.odd("bare", Subsystem=None)`,
        `hosts.odd("one", MaxSessions="1")`, `hosts.odd("shut", AllowTcpForwarding="no")`.
        """
        machine = self._add(name, sshd_options, address)
        self._fresh_folder(machine)
        self.start(name)
        return machine

    def server(self, name: str) -> int:
        """Give the process id of the host's running server."""
        return self._servers[name].pid

    def start(self, name: str) -> None:
        """Start the host's SSH server and wait until it answers."""
        machine = self._machines[name]
        argv = self._argv(machine, self._options[name])
        with machine.log.open("ab") as log:
            server = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._servers[name] = server
        until(lambda: answers(machine) or self._demand_alive(name), what=f"{name} to answer")

    def stop(self, name: str) -> None:
        """End the SSH server with all connections and commands; what has detached itself runs on."""
        server = self._servers.pop(name, None)
        if server is not None:
            kill(freeze(server.pid))
            server.wait()

    def terminate(self, name: str) -> None:
        """Ask the SSH server to end, as a shutdown does, and wait for it."""
        server = self._servers.pop(name)
        server.terminate()
        server.wait(timeout=60)

    def restart(self, name: str) -> None:
        self.stop(name)
        self.start(name)

    def toml(self, *, require_why: bool = False) -> str:
        """Give the [ssh], [environments.production] and [hosts.*] part of an opskit.toml."""
        names = ", ".join(json.dumps(name) for name in self._machines)
        known_hosts = json.dumps(str(self.base / "known_hosts"))
        return (
            f"[ssh]\nknown_hosts = [{known_hosts}]\n\n"
            f"[environments.production]\nhosts = [{names}]\ngroups.web = {json.dumps(','.join(NAMES))}\n"
            f"require_why = {str(require_why).lower()}\n\n"
        ) + "\n".join(_host_toml(machine) for machine in self._machines.values())

    def fresh(self) -> Hosts:
        """Give every host an empty home and a running server."""
        for machine in self._machines.values():
            self._fresh_folder(machine)
            if machine.name not in self._servers:
                self.start(machine.name)
        return self

    def clean(self) -> None:
        """End what a test left running, and drop its odd hosts."""
        for name in [name for name in self._machines if name not in NAMES]:
            self.stop(name)
        kill_all(lambda: at_home([machine.folder for machine in self._machines.values()]))
        self._machines = {name: self._machines[name] for name in NAMES}

    def close(self) -> None:
        for name in list(self._servers):
            self.stop(name)

    def _add(self, name: str, options: Options, address: str = "127.0.0.1") -> Machine:
        user = pwd.getpwuid(os.getuid()).pw_name
        machine = Machine(name, self.base, free_port(), free_port(), user, "", address)
        machine.host_key.unlink(missing_ok=True)
        machine = replace(machine, public_key=make_key(machine.host_key, comment=name))
        with machine.known_hosts.open("a") as known:
            known.write(known_hosts_line(machine.address, machine.port, machine.public_key))
        self._machines[name] = machine
        self._options[name] = options
        return machine

    def _fresh_folder(self, machine: Machine) -> None:
        if machine.folder.exists():
            shutil.rmtree(machine.folder)
        machine.folder.mkdir(mode=0o700)

    def _demand_alive(self, name: str) -> bool:
        log = self._machines[name].log
        assert self._servers[name].poll() is None, f"{name} ended:\n{log.read_text()}"
        return False


def openssh_argv(machine: Machine, options: Options) -> list[str]:
    """Write the host's sshd_config and give the command that runs OpenSSH's sshd with it."""
    config = machine.base / f"{machine.name}.sshd_config"
    config.write_text(_sshd_config(machine, options))
    _prepare_privilege_separation()
    # -r spares sshd the start of itself anew for each connection, a third of what that costs.
    return [str(sshd()), "-D", "-e", "-r", "-f", str(config)]


def demo_argv(machine: Machine, options: Options) -> list[str]:
    """Give the command that runs the demo's SSH server."""
    assert not options, "the demo's hosts have no odd options"
    command = [sys.executable, "-m", "opskit.demo.host", "--port", str(machine.port)]
    command += ["--folder", str(machine.folder), "--host-key", str(machine.host_key)]
    return [*command, "--authorized-key", f"{machine.key}.pub"]


def login_shell(shell: str) -> str:
    """Give the ForceCommand that makes `shell` the login shell of an odd host."""
    return f'exec {shell} -c "$SSH_ORIGINAL_COMMAND"'


def sshd() -> Path | None:
    """Give the absolute path of OpenSSH's server (it insists on being called by it), if installed."""
    found = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return Path(found).resolve() if found else None


@functools.cache
def no_penalties() -> Options:
    """Give the option that keeps sshd from shutting out the loopback for a while, after what tests do to it on purpose.

    It shuts out since OpenSSH 9.8; an older one refuses an option that it does not know.
    """
    said = subprocess.run([str(sshd()), "-V"], capture_output=True, text=True, check=False).stderr
    found = re.search(r"OpenSSH_(\d+)\.(\d+)", said)
    is_strict = found is not None and (int(found[1]), int(found[2])) >= (9, 8)
    return {"PerSourcePenalties": "no"} if is_strict else {}


def answers(machine: Machine) -> bool:
    """Whether an SSH server greets at the host's port."""
    return greets(machine.address, machine.port)


def greets(address: str, port: int) -> bool:
    """Whether an SSH server greets there."""
    with suppress(OSError), closing(socket.create_connection((address, port), 10)) as s:
        return s.recv(4) == b"SSH-"
    return False


def free_port() -> int:
    """Give a free port below the range that outgoing connections take theirs from.

    It is not held, so no other worker of this run gives it too, and this one gives it once.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    while True:
        port = random.randrange(15000 + worker, 32000, WORKERS)
        with suppress(OSError), closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


def _sshd_config(machine: Machine, options: Options) -> str:
    ours: Options = {
        # sshd takes the first value of most keywords, so there is one line a keyword.
        "ListenAddress": f"{machine.address}:{machine.port}",
        "HostKey": str(machine.host_key),
        "AuthorizedKeysFile": f"{machine.key}.pub",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "UseDNS": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "MaxStartups": "1000",
        "LogLevel": "VERBOSE",
        "SetEnv": f'"HOME={machine.folder}" "PATH={machine.folder}/bin:{PATH}"',
        "Subsystem": "sftp internal-sftp",
        **no_penalties(),
    }
    return "".join(
        f"{keyword} {value}\n"
        for keyword, values in (ours | options).items()
        for value in (values if isinstance(values, list) else [values])
        if value is not None
    )


def _prepare_privilege_separation() -> None:
    # sshd run by root insists on this folder; a system's own service unit usually makes it.
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)


def _host_toml(machine: Machine) -> str:
    return (
        f"[hosts.{machine.name}]\naddress = {json.dumps(machine.address)}\nport = {machine.port}\n"
        f"user = {json.dumps(machine.user)}\nkey = {json.dumps(str(machine.key))}\n"
        f'vars = {{ port = "{machine.service_port}" }}\n'
    )
