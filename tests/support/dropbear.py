"""Real SSH hosts whose server is Dropbear. What it asks of the user database (home, login shell) it is told by nss_wrapper."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.hosts import Hosts

if TYPE_CHECKING:
    from tests.support.hosts import Machine, Options

PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
WRAPPER = next(Path("/usr/lib").glob("*/libnss_wrapper.so"), None)


def dropbear() -> str | None:
    """Give the path of Dropbear's server, if it and all that these hosts need is installed."""
    found = shutil.which("dropbear", path=PLACES)
    return found if WRAPPER and shutil.which("dropbearconvert") else None


class DropbearHosts(Hosts):
    """A fleet on Dropbear. `odd(name, command=...)` makes a host that runs this instead of what it is asked for."""

    def __init__(self, base: Path) -> None:
        super().__init__(base, _argv)

    def _fresh_folder(self, machine: Machine) -> None:
        """A home with the one key that is let in."""
        super()._fresh_folder(machine)
        folder = machine.folder / ".ssh"
        folder.mkdir(mode=0o700)
        command = self._options[machine.name].get("command")
        forced = (
            f'command="{str(command).replace(chr(34), chr(92) + chr(34))}" ' if command else ""
        )
        key = Path(f"{machine.key}.pub").read_text()
        (folder / "authorized_keys").write_text(f"{forced}{key}")
        (folder / "authorized_keys").chmod(0o600)


def _argv(machine: Machine, options: Options) -> list[str]:
    """Write what the server is to know of keys and users, and give its command line."""
    key, passwd, group = (
        machine.base / f"{machine.name}.{what}" for what in ("dropbear", "passwd", "group")
    )
    convert = ["dropbearconvert", "openssh", "dropbear", str(machine.host_key), str(key)]
    subprocess.run(convert, check=True, capture_output=True)
    me = pwd.getpwuid(os.getuid())
    passwd.write_text(f"{me.pw_name}:x:{me.pw_uid}:{me.pw_gid}:me:{machine.folder}:/bin/sh\n")
    group.write_text(f"{me.pw_name}:x:{me.pw_gid}:\n")
    return [
        "env", f"LD_PRELOAD={WRAPPER}", f"NSS_WRAPPER_PASSWD={passwd}", f"NSS_WRAPPER_GROUP={group}",
        str(dropbear()), "-F", "-E", "-s", "-p", f"127.0.0.1:{machine.port}", "-r", str(key), "-P", "",
    ]  # fmt: skip
