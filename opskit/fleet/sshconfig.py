"""What `~/.ssh/config` and `/etc/ssh/ssh_config` say of a host, as `ssh -G` would answer it.

We read these files ourselves: paramiko's SSHConfig knows no Include, no `%%`, no `${VAR}`, no
comment behind a value, and tries every block for every host. Literal `Host` names are indexed here.
Not followed: CanonicalDomains (a name that would need it is refused) and Match criteria newer than
OpenSSH 9.2 (refused too, where a lookup comes across them). Settings that we do not use are skipped.
The home folder is that of HOME; ssh takes the password database's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.fleet.sshfile import Block, Line, Reader
from opskit.fleet.sshmatch import Match, host_line_holds, is_literal, succeeds
from opskit.fleet.sshquery import KEYWORDS, Query, SshSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SYSTEM_CONFIG = Path("/etc/ssh/ssh_config")


@dataclass(frozen=True, slots=True)
class SshConfig:
    """The files, read once; `lookup` is cheap for any number of hosts.

    A command of `Match exec` runs once for all hosts that make the same command of it.
    """

    blocks: Sequence[Block]
    matches: Mapping[int, Match]
    literal: Mapping[str, Sequence[int]]
    general: Sequence[int]
    _ran: dict[str, bool] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path | None) -> SshConfig:
        """Read `path` alone, or OpenSSH's own two files if it is None; raises ConfigError."""
        home = Path.home() / ".ssh"
        user = Reader(KEYWORDS, home)
        if path is not None:
            user.read(path, guard=False)
            return cls.of(user.blocks)
        if (home / "config").exists():
            user.read(home / "config", guard=True)
        system = Reader(KEYWORDS, SYSTEM_CONFIG.parent, tilde=False, blocks=user.blocks)
        if SYSTEM_CONFIG.exists():
            system.read(SYSTEM_CONFIG, guard=False)
        return cls.of(system.blocks)

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> SshConfig:
        """Index blocks by the literal names of their `Host` lines."""
        literal: dict[str, list[int]] = {}
        general: list[int] = []
        matches: dict[int, Match] = {}
        for index, block in enumerate(blocks):
            if block.head and block.head.keyword == "match":
                matches[index] = Match.parse(block.head)
            if block.head and block.head.keyword == "host" and is_literal(block.head):
                for name in dict.fromkeys(block.head.words):
                    literal.setdefault(name, []).append(index)
            else:
                general.append(index)
        return cls(blocks, matches, literal, general)

    def lookup(self, name: str, given: Iterable[Line] = ()) -> SshSettings:
        """Give the settings for `ssh NAME`; `given` is what stands on ssh's command line."""
        query = Query(name, name, {})
        for line in given:
            query.take(line)
        self._pass(query)
        query.settle()
        if query.canonical or any(match.final for match in self.matches.values()):
            query.final = True
            self._pass(query)
            query.settle()
        return query.settings()

    def _pass(self, query: Query) -> None:
        holds: dict[int, bool] = {-1: True}
        for index in sorted({*self.general, *self.literal.get(query.host, ())}):
            block = self.blocks[index]
            holds[index] = holds.get(block.parent, False) and self._holds(index, block, query)
            if holds[index]:
                for line in block.settings:
                    query.take(line)

    def _holds(self, index: int, block: Block, query: Query) -> bool:
        if block.head is None:
            return True
        if index in self.matches:
            return self._match_holds(self.matches[index], query)
        return host_line_holds(block.head, query.host)

    def _match_holds(self, match: Match, query: Query) -> bool:
        def ran(text: str) -> bool:
            command = query.expand(text)
            if command not in self._ran:
                self._ran[command] = succeeds(command, match.where)
            return self._ran[command]

        return match.holds(query.facts(), ran)
