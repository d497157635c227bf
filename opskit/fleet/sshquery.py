"""One lookup in an ssh configuration: what was found so far, and the settings that come of it."""

from __future__ import annotations

import functools
import hashlib
import os
import pwd
import re
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.errors import ConfigError
from opskit.fleet.sshfile import Line
from opskit.fleet.sshmatch import Facts

if TYPE_CHECKING:
    from collections.abc import Mapping

GLOBAL_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
USER_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")

SINGLE = frozenset(
    {
        "canonicaldomains",
        "canonicalizehostname",
        "canonicalizemaxdots",
        "ciphers",
        "connecttimeout",
        "globalknownhostsfile",
        "hostkeyalgorithms",
        "hostkeyalias",
        "hostname",
        "identitiesonly",
        "identityagent",
        "kexalgorithms",
        "port",
        "stricthostkeychecking",
        "user",
        "userknownhostsfile",
    }
)
PROXY = frozenset({"proxyjump", "proxycommand"})
KEYWORDS = SINGLE | PROXY | {"identityfile"}

_TIME = re.compile(r"(\d+)([sSmMhHdDwW]?)", re.ASCII)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_TOKEN = re.compile(r"%(.?)|\$\{([^}]*)\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SshSettings:
    """ssh's answer for one host, as `Host` needs it; `proxy_jump` is "" or hops with commas."""

    hostname: str
    port: int
    user: str
    keys: tuple[Path, ...]
    identities_only: bool
    agent: str
    proxy_jump: str
    proxy_command: str
    known_hosts: tuple[Path, ...]
    host_key_alias: str
    strict: str
    connect_timeout: float | None
    ciphers: str
    kex: str
    host_key_algorithms: str


@dataclass(slots=True)
class Query:
    """One lookup: what was found so far; for every keyword but IdentityFile the first one counts."""

    name: str
    host: str
    values: dict[str, Line]
    identities: dict[str, None] = field(default_factory=dict)
    final: bool = False

    def take(self, line: Line) -> None:
        """Note a setting; the first one counts, but every IdentityFile does."""
        if line.keyword == "identityfile":
            self.identities.setdefault(line.value)
        else:
            self.values.setdefault("proxy" if line.keyword in PROXY else line.keyword, line)

    def settle(self) -> None:
        """Fix the host name, as ssh does once it has read its files."""
        host = self._current()
        self.host = host if _is_address(host) else host.lower()
        self.values["hostname"] = Line("hostname", self.host, (self.host,), "")
        if self.canonical and "canonicaldomains" in self.values:
            self._refuse_canonical()

    @property
    def canonical(self) -> bool:
        """Whether CanonicalizeHostname asks to read the files once more."""
        return self._text("canonicalizehostname", "no").lower() not in ("no", "false")

    def facts(self) -> Facts:
        """Give what a Match line may ask about at this point of the files."""
        user = self._text("user", _local_user())
        return Facts(self._current(), self.name, user, _local_user(), final=self.final)

    def expand(self, text: str, *, env: bool = False) -> str:
        """Replace %-tokens in `text`, and `${NAME}` too if `env`; raises ConfigError."""
        known = self._tokens() if "%" in text else {}
        return _expand(text, known, env=env)

    def settings(self) -> SshSettings:
        """Give what was found, with defaults for the rest; raises ConfigError for bad values."""
        proxy = self.values.get("proxy")
        agent = self._text("identityagent", "")
        timeout = self.values.get("connecttimeout")
        return SshSettings(
            hostname=self.host,
            port=self._port(),
            user=self._text("user", _local_user()),
            keys=self._keys(),
            identities_only=self._text("identitiesonly", "no").lower() in ("yes", "true"),
            agent="" if agent == "SSH_AUTH_SOCK" else self._agent(agent),
            proxy_jump=self._jump(proxy),
            proxy_command=self._command(proxy),
            known_hosts=self._known_hosts(),
            host_key_alias=self._text("hostkeyalias", ""),
            strict=self._text("stricthostkeychecking", "ask").lower(),
            connect_timeout=seconds(timeout) if timeout else None,
            ciphers=self._text("ciphers", ""),
            kex=self._text("kexalgorithms", ""),
            host_key_algorithms=self._text("hostkeyalgorithms", ""),
        )

    def _text(self, keyword: str, default: str) -> str:
        line = self.values.get(keyword)
        return line.value if line else default

    def _current(self) -> str:
        line = self.values.get("hostname")
        if not line or not line.where:
            return line.value if line else self.host
        return _expand(line.value, {"h": self.host}, env=False)

    def _port(self) -> int:
        line = self.values.get("port")
        return port_number(line) if line else 22

    def _tokens(self) -> dict[str, str]:
        local, user = socket.gethostname(), self._text("user", _local_user())
        port, jump = str(self._port()), self._jump(self.values.get("proxy"), raw=True)
        host, home = self._current(), str(Path.home())
        digest = hashlib.sha1((local + host + port + user).encode(), usedforsecurity=False)
        return {
            "C": digest.hexdigest(),
            "L": local.partition(".")[0],
            "d": home,
            "h": host,
            "i": str(os.getuid()),
            "j": jump.rpartition(",")[2],
            "k": self._text("hostkeyalias", self.name),
            "l": local,
            "n": self.name,
            "p": port,
            "r": user,
            "u": _local_user(),
        }

    def _path(self, text: str) -> Path:
        return Path(self.expand(_tilde(text), env=True))

    def _keys(self) -> tuple[Path, ...]:
        """Give the key files that were asked for; `none` becomes a file that holds no key."""
        none = Path(os.devnull)
        named = (none if text == "none" else self._path(text) for text in self.identities)
        return tuple(named)

    def _agent(self, text: str) -> str:
        if text.startswith("$") and not text.startswith("${"):
            return os.environ.get(text[1:], "none")
        return text if text in ("", "none") else str(self._path(text))

    def _known_hosts(self) -> tuple[Path, ...]:
        user = self._words("userknownhostsfile", USER_KNOWN_HOSTS)
        everyone = self._words("globalknownhostsfile", GLOBAL_KNOWN_HOSTS)
        return tuple(self._path(text) for text in (*user, *everyone) if text.lower() != "none")

    def _words(self, keyword: str, default: tuple[str, ...]) -> tuple[str, ...]:
        line = self.values.get(keyword)
        return line.words if line else default

    def _jump(self, line: Line | None, *, raw: bool = False) -> str:
        if line is None or line.keyword != "proxyjump":
            return ""
        text = line.rest.partition("#")[0].strip()
        text = "" if text.lower() == "none" else text
        return text if raw else self.expand(text)

    def _command(self, line: Line | None) -> str:
        if line is None or line.keyword != "proxycommand" or line.rest.lower() == "none":
            return ""
        return self.expand(line.rest)

    def _refuse_canonical(self) -> None:
        dots = int(self._text("canonicalizemaxdots", "1"))
        if self.name.count(".") <= dots:
            raise ConfigError(
                f"{self.values['canonicaldomains'].where}: opskit does not complete host names"
                f" with CanonicalDomains, as {self.name} would need",
                hint="name the host in full, or give its HostName",
            )


def port_number(line: Line) -> int:
    """Give the port that a setting names, by number or service; raises ConfigError."""
    text = line.value
    try:
        port = (
            int(text) if text.isdecimal() and text.isascii() else socket.getservbyname(text, "tcp")
        )
    except OSError:
        port = 0
    if not 0 < port < 65536:
        raise ConfigError(f"{line.where}: {text!r} is not a port")
    return port


def seconds(line: Line) -> float | None:
    """Give a time as in sshd_config(5), TIME FORMATS, in seconds; None for `none` and 0."""
    text = line.value
    if text.lower() == "none":
        return None
    parts = _TIME.findall(text)
    if "".join(number + unit for number, unit in parts) != text:
        raise ConfigError(f"{line.where}: {text!r} is not a time")
    return float(sum(int(number) * _SECONDS[unit.lower()] for number, unit in parts)) or None


def _expand(text: str, tokens: Mapping[str, str], *, env: bool) -> str:
    """Replace %-tokens and, if `env`, `${NAME}`, once each, as percent_dollar_expand does."""

    def replace(found: re.Match[str]) -> str:
        sign, variable = found[1], found[2]
        if sign == "%":
            return "%"
        if sign is not None and sign in tokens:
            return tokens[sign]
        if variable is not None and not env:
            return found[0]
        if variable is not None and variable in os.environ:
            return os.environ[variable]
        raise ConfigError(f"ssh configuration: {found[0]!r} in {text!r} stands for nothing")

    return _TOKEN.sub(replace, text)


def _tilde(text: str) -> str:
    return os.path.expanduser(text)  # noqa: PTH111 (a Path would drop what is not yet expanded)


def _is_address(text: str) -> bool:
    try:
        socket.getaddrinfo(text, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return False
    return True


@functools.cache
def _local_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return os.environ.get("USER", str(os.getuid()))
