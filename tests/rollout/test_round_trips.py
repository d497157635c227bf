"""How often each host is asked: a line around the world, and two hundred hosts, are paid for by the question."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.light import Light

COUNTED = """
import json, os, sys
from opskit.fleet.remote import Remote
real, asked, leave = Remote.execute, [], os._exit
def execute(self, command, **keys):
    asked.append((self.name, command.script))
    return real(self, command, **keys)
def told(code):
    open("asked.json", "w").write(json.dumps(asked))
    leave(code)
Remote.execute, os._exit = execute, told
from opskit.cli import main
main()
"""


def asked(light: Light, *arguments: str) -> dict[str, list[str]]:
    """Run opskit; give for each host what the scripts did, in order."""
    argv = [sys.executable, "-c", COUNTED, *arguments]
    done = subprocess.run(argv, cwd=light.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = {}
    for host, script in json.loads((light.folder / "asked.json").read_text()):
        found.setdefault(host, []).append(step_of(script))
    return found


def step_of(script: str) -> str:
    if "echo taken" in script:
        return "lock"
    for sign, step in (
        ("echo placed", "stage"),
        ("mv -fT", "switch"),
        ('>>"$HOME/restarts"', "restart"),
        ("test ! -e bad", "check"),
        ("gzip -c", "manifest"),
        ("printf 'end", "ask"),
        ("rm -rf", "let go"),
    ):
        if sign in script:
            return step
    return script


def test_a_host_is_asked_once_for_each_thing_that_must_wait_for_another(light: Light) -> None:
    deployed = ["ask", "lock", "stage", "switch", "restart", "check", "let go"]
    first = asked(light, "deploy", "shop", "v1", "-y")
    assert first == dict.fromkeys(light.on_all(""), deployed)
    restarted = ["ask", "lock", "restart", "check", "let go"]
    assert asked(light, "restart", "shop", "-y") == dict.fromkeys(first, restarted)
    light.commit("v2")
    second = asked(light, "deploy", "shop", "v2", "-y")
    (fetched,) = (steps for steps in second.values() if "manifest" in steps)
    fetched.remove("manifest")  # what all have is asked of one
    assert second == first


def test_where_nothing_tells_whether_it_is_well_the_switch_is_the_last_word(light: Light) -> None:
    light.configure(restart=None, health=None)
    steps = ["ask", "lock", "stage", "switch", "let go"]
    assert asked(light, "deploy", "shop", "v1", "-y") == dict.fromkeys(light.on_all(""), steps)
