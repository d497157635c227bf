"""Hosts with the real sudo: each lives in a mount namespace with a passwd, a shadow and a sudoers of its own.

Nothing of this machine is changed; it takes root and `unshare -m`, so tests that want these hosts are skipped elsewhere.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.hosts import Hosts, openssh_argv, sshd
from tests.support.missing import forbidden, missing

if TYPE_CHECKING:
    from tests.support.hosts import Machine, Options

USER, UID = "deploy", 60123
PASSWORD = "c0rrect 'horse"
HASH = "$6$opskit$P7BpEW7h64Ar8eTWGXl36Ah/l/2vGITfaCtkvGmQfCzaGPs4ZYToUP96Pjeg.JBa3iSbiT6C5BwaTUY0nFAld1"  # of PASSWORD: openssl passwd -6 -salt opskit
ASKS = f"{USER} ALL=(ALL) ALL"
OPEN = f"{USER} ALL=(ALL) NOPASSWD: ALL"
PAM = "auth required pam_unix.so nodelay\naccount required pam_permit.so\nsession required pam_permit.so\n"
DEFAULTS = """
Defaults logfile={log}, !syslog, secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
root ALL=(ALL:ALL) ALL
"""
OWN = r"""
d=$1; shift
for f in passwd shadow sudoers pam.d/sudo; do mount --bind "$d/${f##*/}" "/etc/$f" || exit; done
mkdir -p /run/sudo && mount -t tmpfs none /run/sudo || exit
mount --bind "$d/bin" /usr/local/bin || exit
exec "$@"
"""


def demand_possible() -> None:
    """Skip the test where such hosts cannot be made."""
    if sshd() is None or not (shutil.which("sudo") and shutil.which("unshare")):
        missing("OpenSSH's sshd, sudo, or unshare")
    if os.getuid() != 0:
        forbidden("only root makes hosts with a sudo of their own")
    tried = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], check=False, capture_output=True)  # fmt: skip
    if tried.returncode != 0:
        forbidden("the kernel gives no mounts of one's own, as in a container without that right")
    if not Path("/etc/pam.d/sudo").exists():
        missing("/etc/pam.d/sudo, of the package sudo")


class SudoHosts(Hosts):
    """Hosts on which `deploy` logs in; all ask for PASSWORD until `rule` says otherwise."""

    def __init__(self) -> None:
        base = Path(tempfile.mkdtemp(prefix="opskit-sudo-"))
        base.chmod(0o711)  # so that the user of the hosts comes through to its homes
        super().__init__(base, _argv)
        (base / "user_key.pub").chmod(0o644)

    def rule(self, name: str, *lines: str, password: str = HASH) -> None:
        """Give a host these lines of sudoers, and its user this hash of a password."""
        etc = _etc(self.host(name))
        log = etc / "log"
        _write(etc / "sudoers", "\n".join([DEFAULTS.format(log=log), *lines, ""]), 0o440)
        _write(etc / "shadow", f"root:*:19000::::::\n{USER}:{password}:19000::::::\n", 0o640)
        log.unlink(missing_ok=True)

    def login(self, name: str, user: str, password: str) -> None:
        """Let somebody else log in on a host, too, whose password has this hash; `rule` takes it away again."""
        etc = _etc(self.host(name))
        _write(etc / "passwd", f"{_passwd()}{user}:x:{UID + 1}:{UID + 1}::/:/bin/sh\n", 0o644)
        shadow = etc / "shadow"
        _write(shadow, f"{shadow.read_text()}{user}:{password}:19000::::::\n", 0o640)

    def failures(self, name: str) -> int:
        """Give how many passwords the host's sudo has refused."""
        return sum(map(int, re.findall(r"(\d+) incorrect password attempt", self.log_of(name))))

    def log_of(self, name: str) -> str:
        """Give what the host's sudo has written down."""
        log = _etc(self.host(name)) / "log"
        return re.sub(r"\n +", " ", log.read_text()) if log.exists() else ""

    def tool(self, name: str, tool: str, script: str) -> None:
        """Put a command into /usr/local/bin of a host."""
        file = _etc(self.host(name)) / "bin" / tool
        file.write_text(script)
        file.chmod(0o755)

    def fresh(self) -> SudoHosts:
        for name in self.names:
            self.rule(name, ASKS)
            for tool in (_etc(self.host(name)) / "bin").iterdir():
                tool.unlink()
        super().fresh()
        return self

    def close(self) -> None:
        super().close()
        shutil.rmtree(self.base)

    def _add(self, name: str, options: Options) -> Machine:
        machine = replace(super()._add(name, options), user=USER)
        self._machines[name] = machine
        etc = _etc(machine)
        (etc / "bin").mkdir(parents=True, exist_ok=True)
        _write(etc / "passwd", _passwd(), 0o644)
        _write(etc / "sudo", PAM, 0o644)
        self.rule(name, ASKS)
        return machine

    def _fresh_folder(self, machine: Machine) -> None:
        super()._fresh_folder(machine)
        os.chown(machine.folder, UID, UID)


def _etc(machine: Machine) -> Path:
    return machine.base / f"{machine.name}.etc"


def _write(file: Path, text: str, mode: int) -> None:
    """Write a file in place: what is mounted elsewhere is this very one."""
    file.write_text(text)
    file.chmod(mode)


def _passwd() -> str:
    return f"root:x:0:0::/root:/bin/sh\n{USER}:x:{UID}:{UID}::/:/bin/sh\n{_sshd_user()}"


def _sshd_user() -> str:
    """Give the line of the user as whom sshd looks at strangers."""
    lines = Path("/etc/passwd").read_text().splitlines(keepends=True)
    return "".join(line for line in lines if line.startswith("sshd:"))


def _argv(machine: Machine, options: Options) -> list[str]:
    own = ["unshare", "-m", "/bin/sh", "-c", OWN, "own", str(_etc(machine))]
    return [*own, *openssh_argv(machine, options)]
