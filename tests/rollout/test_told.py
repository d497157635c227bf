"""What is said is what is true: the plan's commands are what hosts get, the envelope's code is the process's."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.light import HEALTH, Light

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.hosts import Hosts

RECORDING = 'tee -a "$HOME/record" | /bin/sh -c "$SSH_ORIGINAL_COMMAND"'
AROUND = (
    "while IFS= read -r s; do",  # a shell is kept open
    "printf 'now %s",  # what a host is asked
    'mine="$l"/',  # the lock is taken
    ".opskit/renewed.",  # and given back
    ".opskit/history",  # the mark of a good release
)
"""What hosts get beside the steps of the plan, by a piece of each."""


def scripts(record: Path) -> list[str]:
    """Give the scripts that a host got: first lines of sessions, each a text for `printf %b`."""
    lines = re.findall(rb"unset s\\0012[^\n]*", record.read_bytes())
    octal = re.compile(rb"\\0([0-7]{3})")
    return [octal.sub(lambda m: bytes([int(m[1], 8)]), line).decode() for line in lines]


def test_hosts_get_exactly_the_commands_of_the_plan(openssh_hosts: Hosts, tmp_path: Path) -> None:
    openssh_hosts.odd("taped", ForceCommand=RECORDING)
    light = Light.create(tmp_path / "project", openssh_hosts)
    light.configure(hosts='"taped"', batches="[1]", shared_folders='["log"]')
    dry = light.opskit("deploy", "shop", "v1", "-n", "--json").json["data"]["plan"]
    (openssh_hosts.folder("taped") / "record").unlink()
    plan = light.deploy("v1", "--json").json["data"]["plan"]
    got = scripts(openssh_hosts.folder("taped") / "record")
    planned = {each["step"]: each["script"] for each in plan["commands"]}
    assert set(planned) == {"stage", "switch", "restart", "check"}
    for step in ("stage", "switch", "restart"):
        pieces = planned[step].split("{…}")
        matching = [text for text in got if all(piece in text for piece in pieces)]
        assert len(matching) == 1, (step, planned[step], got)
        got.remove(matching[0])
    assert planned["check"].startswith(f"`{HEALTH}` ends with 0")
    (check,) = [text for text in got if HEALTH in text]
    got.remove(check)
    assert all(any(piece in text for piece in AROUND) for text in got), got
    assert [_nameless(each) for each in dry["commands"]] == [
        _nameless(each) for each in plan["commands"]
    ]


def _nameless(command: dict[str, str]) -> str:
    """Leave out what is new each time: the run's id and the release's."""
    return re.sub(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{8}|\b[0-9a-z]{10}\b", "ID", command["script"])


def enveloped(light: Light, *arguments: str, expect: int) -> Any:
    words = list(arguments)
    words.insert(2 if words[0] == "run" else 1, "--json")
    done = light.opskit(*words, expect=expect)
    envelope = json.loads(done.stdout)
    assert envelope["opskit"] == 1
    assert envelope["command"] == arguments[0]
    assert envelope["exit_code"] == expect
    assert done.stdout.isascii()
    return {**envelope, "stderr": done.stderr}


def test_one_document_on_standard_output_and_progress_on_the_other(any_light: Light) -> None:
    any_light.commit("v2")
    any_light.commit("v3", good=False)
    tasks = (
        "from fabric import task\n\n@task\ndef hello(c):\n    print('hi')\n    c.run('echo hi')\n"
    )
    (any_light.folder / "tasks.py").write_text(tasks)
    said = enveloped(any_light, "deploy", "shop", "v1", "-y", expect=0)
    assert "batch 1 of 3" in said["stderr"]
    assert [host["outcome"] for host in said["data"]["hosts"]] == ["done"] * 4
    enveloped(any_light, "deploy", "shop", "v2", "-y", expect=0)
    refused = enveloped(any_light, "deploy", "shop", "v3", "-y", expect=5)
    assert refused["status"] == "refused"
    assert refused["data"]["hosts"][0]["outcome"] == "reverted"
    assert refused["data"]["hosts"][0]["error"].startswith("not healthy")
    enveloped(any_light, "restart", "shop", "-y", expect=0)
    back = enveloped(any_light, "rollback", "shop", "-y", expect=0)
    assert back["data"]["plan"]["hosts"][0]["to"]["label"] == "v1"
    enveloped(any_light, "status", expect=0)
    assert enveloped(any_light, "run", "hello", "-H", "@web", expect=0)["data"]["outputs"]
    enveloped(any_light, "exec", "-H", "@web", "false", expect=1)


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (("deploy", "shop", "nothing", "-y"), 2, "source"),
        (("deploy", "shpo", "-y"), 2, "unknown-name"),
        (("deploy", "shop"), 5, "refused"),
        (("deploy", "shop", "-H", "web99", "-y"), 2, "selector"),
        (("exec", "-H", "@nothing", "true"), 2, "selector"),
        (("run", "nothing", "-H", "web01"), 2, "unknown-name"),
    ],
)
def test_errors_are_documents_too(
    light: Light, arguments: tuple[str, ...], code: int, kind: str
) -> None:
    (light.folder / "tasks.py").write_text("from fabric import task\n")
    assert enveloped(light, *arguments, expect=code)["error"]["kind"] == kind
    assert (light.tree(), light.log()) == ({}, [])
