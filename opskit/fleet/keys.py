"""The private keys that we may offer a host: agents' and files', each read once for the whole fleet."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paramiko import PKey, SSHException
from paramiko.agent import AgentSSH

if TYPE_CHECKING:
    from opskit.fleet.inventory import Host

USUAL = ("id_rsa", "id_ecdsa", "id_ed25519")
"""OpenSSH's own key files in ~/.ssh, in its order."""

AGENT_PATIENCE = 10.0
"""Seconds that an agent gets to answer; a person may have to press a button."""


class Agent(AgentSSH):
    """An SSH agent that many threads may ask at once."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._one_at_a_time = threading.Lock()
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(AGENT_PATIENCE)
        try:
            link.connect(path)
            self._connect(link)  # type: ignore[attr-defined]  # protected, not in the stubs; a test holds it
        except BaseException:
            link.close()
            raise

    def close(self) -> None:
        """Let the agent go."""
        self._close()  # type: ignore[attr-defined]  # as above

    def _send_message(self, msg: Any) -> Any:
        with self._one_at_a_time:
            return super()._send_message(msg)  # type: ignore[misc]  # as above


@dataclass(frozen=True, slots=True)
class Offer:
    """The keys to offer a host, in order, and what is to be said about those that are missing."""

    keys: tuple[PKey, ...]
    locked: tuple[Path, ...] = ()
    broken: tuple[str, ...] = ()


class KeyRing:
    """Reads key files and agents once, whichever thread asks first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offers: dict[object, Offer] = {}
        self._files: dict[Path, PKey | str | None] = {}
        self._agents: dict[str, Agent | None] = {}

    def offer(self, host: Host) -> Offer:
        """Give the keys for `host` as OpenSSH would order them: agent's before files, named first."""
        with self._lock:
            key = (host.keys, host.identities_only, host.agent)
            if key not in self._offers:
                self._offers[key] = self._make(host)
            return self._offers[key]

    def _make(self, host: Host) -> Offer:
        files = host.keys or tuple(Path("~/.ssh").expanduser() / name for name in USUAL)
        named = [(path, self._file(path)) for path in files]
        publics = [blob for path, _ in named if (blob := _public(path)) is not None]
        publics += [key.asbytes() for _, key in named if isinstance(key, PKey)]
        held = self._agent(host.agent)
        first = [key for key in held if key.asbytes() in publics]
        rest = [] if host.identities_only else [key for key in held if key not in first]
        own = [key for _, key in named if isinstance(key, PKey)]
        have = {key.asbytes() for key in held}
        keys = {key.asbytes(): key for key in reversed([*first, *rest, *own])}
        locked = [p for p, key in named if key is None and _public(p) not in have and p.exists()]
        broken = [why for _, why in named if isinstance(why, str)] if host.keys or not keys else []
        return Offer(tuple(reversed(keys.values())), tuple(locked), tuple(broken))

    def _file(self, path: Path) -> PKey | str | None:
        if path not in self._files:
            self._files[path] = _read(path)
        return self._files[path]

    def _agent(self, name: str) -> tuple[PKey, ...]:
        path = os.environ.get("SSH_AUTH_SOCK", "") if name in {"", "SSH_AUTH_SOCK"} else name
        if path in {"", "none"}:
            return ()
        if path not in self._agents:
            self._agents[path] = None
            with contextlib.suppress(OSError, SSHException):
                self._agents[path] = Agent(path)
        agent = self._agents[path]
        return tuple(agent.get_keys()) if agent is not None else ()

    def close(self) -> None:
        """Let all agents go."""
        with self._lock:
            for agent in self._agents.values():
                if agent is not None:
                    agent.close()


def _read(path: Path) -> PKey | str | None:
    """Give the key in a file, None if it wants a passphrase or is not there, or why it is no key."""
    try:
        return PKey.from_path(path)
    except FileNotFoundError:
        return None
    except TypeError:
        return None
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    except (ValueError, SSHException):
        return f"{path} is not a private key that can be used"


def _public(path: Path) -> bytes | None:
    """Give the public half beside a private key file."""
    try:
        word = path.with_name(path.name + ".pub").read_text("utf-8").split()[1]
        return base64.b64decode(word)
    except (OSError, ValueError, IndexError):
        return None
