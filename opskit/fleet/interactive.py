"""The command line by which a person gets a shell on a host: OpenSSH's own client, on the way and with the host keys that opskit goes by.

A host key that is not known is refused there, too: nobody is asked whether it is right.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from opskit.fleet.inventory import Host


def ssh_line(host: Host) -> list[str]:
    """Give the words that open a shell on a host on the terminal."""
    return ["ssh", "-t", *_options(host, host.hops, host.proxy_command), "--", host.address]


def _options(host: Host, hops: tuple[Host, ...], proxy: str) -> list[str]:
    """Give ssh's options for a host behind `hops`; the user's configuration of that address does not count beside them."""
    words = ["-F", "none", "-p", str(host.port), "-l", host.user]
    for key in host.keys:
        words += ["-i", str(key)]
    settings = {
        "IdentitiesOnly": "yes" if host.identities_only else "",
        "IdentityAgent": host.agent,
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": _files(host.known_hosts),
        "HostKeyAlias": host.host_key_alias,
        "Ciphers": host.ciphers,
        "KexAlgorithms": host.kex,
        "HostKeyAlgorithms": host.host_key_algorithms,
        "ConnectTimeout": str(round(host.connect_timeout)) if host.connect_timeout else "",
        "ProxyCommand": _proxy(hops, proxy),
    }
    for name, value in settings.items():
        words += ["-o", f"{name}={value}"] if value else []
    return words


def _files(files: Iterable[Path]) -> str:
    return " ".join(f'"{str(file).replace("%", "%%")}"' for file in files)


def _proxy(hops: tuple[Host, ...], proxy: str) -> str:
    """Give the command that speaks for the connection to what lies behind `hops`, "" for a direct one.

    `proxy` is that of the first connection of all.
    """
    if not hops:
        return proxy.replace("%", "%%")
    *before, last = hops
    words = ["ssh", *_options(last, tuple(before), last.proxy_command if not before else "")]
    said = shlex.join(word.replace("%", "%%") for word in words)
    return f"{said} -W '[%h]:%p' -- {shlex.quote(last.address)}"
