"""The README's ten minutes, word for word, on two real hosts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.docs.readme import README

if TYPE_CHECKING:
    from tests.support.hosts import Hosts

CHANGES = re.compile(r"^(opskit (?:deploy|rollback)(?!.*--dry-run).*)$", re.MULTILINE)


def step(number: int) -> str:
    """Give the code of a step, which must have one block; its questions are answered by --yes."""
    text = README.read_text(encoding="utf-8")
    part = text.partition(f"\n**{number}. ")[2].partition("\n**")[0].partition("\n## ")[0]
    block = re.search(r"^```\w+\n(.*?)^```", part, re.MULTILINE | re.DOTALL)
    assert block is not None, f"step {number} has no code"
    return CHANGES.sub(r"\1 --yes", block[1])


def configuration(hosts: Hosts, known_hosts: Path) -> str:
    """Give step 3's opskit.toml for the test's hosts, which have ports and keys of their own."""
    machines = re.findall(r"^\[hosts\.\W?web0[12]\W?\]\n(?:.+\n)+", hosts.toml(), re.MULTILINE)
    ssh = f"[ssh]\nknown_hosts = [{json.dumps(str(known_hosts))}]\n"
    return "\n".join([step(3).replace(".example.com", ""), ssh, *machines])


@dataclass(frozen=True)
class Person:
    """Somebody with a shell whose `opskit` is the one under test."""

    folder: Path

    def types(self, script: str, *, expect: int = 0) -> str:
        """Type into the shell; gives what was said."""
        opskit = self.folder / "opskit"
        opskit.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m opskit "$@"\n')
        opskit.chmod(0o755)
        ran = subprocess.run(
            ["/bin/sh", "-eux", "-c", script],
            env={**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert ran.returncode == expect, ran.stdout + ran.stderr
        return ran.stdout


def fingerprint_of(public: Path) -> str:
    """Give what the host's console would show for step 4."""
    ran = subprocess.run(["ssh-keygen", "-lf", public], capture_output=True, text=True, check=True)
    return ran.stdout.split()[1]


def test_the_ten_minutes_end_with_the_first_release_live(hosts: Hosts, tmp_path: Path) -> None:
    person = Person(tmp_path)
    toml = tmp_path / "toml"
    toml.write_text(configuration(hosts, tmp_path / "known_hosts"))
    person.types(f"{step(2)}\ngrep 'name = .fleet.' opskit.toml\ncp '{toml}' opskit.toml")
    said = person.types(f"cd ~/fleet\n{step(4)}", expect=1)
    for name in ("web01", "web02"):
        public = hosts.host(name).host_key.with_name(f"{name}.key.pub")
        assert fingerprint_of(public) in said, said
    accepting = re.findall(r"echo '.*' >> \S+known_hosts$", said, re.MULTILINE)
    assert len(accepting) == 2
    assert "0 bad" in person.types("\n".join(["cd ~/fleet", *accepting, step(4)]))
    promised = re.findall(r"^It says `(.*?)`\. ", README.read_text("utf-8"), re.MULTILINE)
    assert promised
    assert promised[0] in person.types(f"cd ~/fleet\n{step(5)}")
    person.types("cd ~/fleet\nopskit deploy site -m 'nobody answers'", expect=5)
    person.types(f"cd ~/fleet\n{step(6)}")
    for name in ("web01", "web02"):
        live = hosts.folder(name) / "site" / "current" / "index.html"
        assert live.read_text() == "hello\n"
        assert len(list((hosts.folder(name) / "site" / "releases").iterdir())) == 2
    left = {file.name for file in (Path.home() / "fleet").iterdir()}
    left.discard("__pycache__")  # of tasks.py, where Python keeps what it compiled
    assert left == {"opskit.toml", "tasks.py", "runbooks", "site"}
