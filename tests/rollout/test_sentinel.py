"""One secret of each kind, told by everything that can tell it: no sink of any command holds it, however it was written."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rollout.test_secrets import CRASHES, Watcher, told
from tests.support.receiver import receiving

if TYPE_CHECKING:
    from tests.support.cli import Completed
    from tests.support.light import Light

BY_COMMAND = "c0mmand-s3ntinel '\"\\ Ω\nits-second-line"
BY_FILE = "f1le-s3ntinel/with+signs"
OF_TASKS = "t4sk-s3ntinel%40"
ALL = (BY_COMMAND, "its-second-line", BY_FILE, OF_TASKS)
# Everything that a careless command may do with a secret: print it, in plain, encoded, traced.
LEAK = (
    'set -x; echo "it is $BY_COMMAND, $BY_FILE"; printf %s "$BY_COMMAND" | base64 -w 0; echo; '
    'printf %s "user:$BY_FILE" | base64; printf "%s\\n" "$BY_COMMAND" "$BY_FILE" >&2; set +x; '
)
KNOWN = '[ "${#BY_FILE}" -eq 24 ] && [ "$(echo "$BY_COMMAND" | wc -l)" -eq 2 ] || exit 9; '
TASKS = '''
import json
from fabric import task

@task
def loud(c):
    """Say too much, and fail."""
    c.run('echo "task says $OF_TASKS"', echo=True)
    value = c.run('printf %s "$OF_TASKS"', hide=True).stdout
    print(json.dumps({"value": value}), repr(value))
    raise ValueError("cannot use " + value)
'''


def configure(light: Light, **keys: str | None) -> None:
    """Write an opskit.toml whose secrets come from a command and a file, and an environment's from a command."""
    vault = light.folder.parent / "vault"
    vault.mkdir(exist_ok=True)
    for name, value in (("c", BY_COMMAND), ("f", BY_FILE), ("t", OF_TASKS)):
        (vault / name).write_text(f"{value}\n")
        (vault / name).chmod(0o600)
    count = f"echo asked >>{vault}/asked; cat {vault}/c"
    secrets = f"{{ BY_COMMAND = {{ command = {json.dumps(count)} }}, BY_FILE = {{ file = {json.dumps(str(vault / 'f'))} }} }}"
    hook = '[changelog.hooks.all]\nurl_env = "HOOK"\nkinds = ["rollout.started", "rollout.hosts", "rollout.finished", "note"]'
    light.configure(secrets=secrets, extra=hook, **keys)
    file = light.folder / "opskit.toml"
    there = f'require_why = false\nsecrets = {{ OF_TASKS = {{ command = "cat {vault}/t" }} }}\n'
    file.write_text(file.read_text().replace("require_why = false\n", there))
    (light.folder / "tasks.py").write_text(TASKS)


def asked(light: Light) -> int:
    file = light.folder.parent / "vault" / "asked"
    return len(file.read_text().splitlines()) if file.exists() else 0


def forms(value: str) -> set[bytes]:
    """Give what must stand nowhere: the value, and what others make of it."""
    written = {value, json.dumps(value)[1:-1], repr(value)[1:-1], shlex.quote(value).strip("'")}
    encoded = base64.b64encode(value.encode())[:-4]
    return {text.encode() for text in written} | {encoded} | set(re.findall(rb"[\w-]*s3ntinel", value.encode()))  # fmt: skip


def assert_nowhere(sinks: dict[str, bytes]) -> None:
    for value in ALL:
        for form in forms(value):
            found = [name for name, held in sinks.items() if form in held]
            assert not found, (
                form,
                found,
                [sinks[n][max(0, sinks[n].find(form) - 200) :][:400] for n in found][:2],
            )


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="command lines are in /proc")
def test_no_sink_of_any_command_holds_a_secret(light: Light, tmp_path: Path) -> None:
    light.commit("v2")
    loud = json.dumps(f"{KNOWN}{LEAK}sleep 0.2")
    failing = json.dumps(f"{LEAK}case $(cat version) in v3) exit 3;; esac")
    with receiving() as receiver, Watcher() as watcher:
        env = {"HOOK": receiver.url, "OPSKIT_DEBUG": "1"}

        def opskit(*arguments: object, expect: int | None = 0) -> Completed:
            return light.opskit(*arguments, expect=expect, env=env)

        configure(light, restart=loud, build=loud, gate=loud, confirm_within='"10m"')
        runs = [opskit("deploy", "shop", "v1", "-y", "-m", "why")]
        assert asked(light) == 1
        runs += [opskit("deploy", "shop", "v2", "-y", "--json"), opskit("restart", "shop", "-y")]
        light.commit("v3")
        configure(light, restart=failing)
        runs += [opskit("deploy", "shop", "v3", "-y", expect=None), opskit("deploy", "shop", "v3", "-y", "--json", expect=None)]  # fmt: skip
        configure(light, restart=json.dumps(f"{LEAK}exit 4"))
        runs += [opskit("rollback", "shop", "-y", expect=None), opskit("restart", "shop", "-y", expect=None)]  # fmt: skip
        runs += [opskit("run", "loud", "-H", "web01", expect=1), opskit("run", "loud", "-H", "@*", "--json", expect=1)]  # fmt: skip
        configure(light, health=f'{{ command = {json.dumps(f"{LEAK}exit 5")}, within = "100ms" }}')
        runs.append(opskit("deploy", "shop", "v2", "-y", expect=None))
        page = tmp_path / "page.html"
        runs += [opskit("log", "--web", page), opskit("log", "--json"), opskit("log", light.last()["id"])]  # fmt: skip
        runs += [opskit("status", "--json", expect=None), opskit("doctor", expect=None), opskit("changelog", "export")]  # fmt: skip
        hooks = b"".join(json.dumps(one.body).encode() for one in receiver.told)
    said = "".join(run.stdout + run.stderr for run in runs)
    assert said.count("[redacted]") > 20
    assert len(receiver.told) > 10
    assert any(b"opskit" in line for line in watcher.seen)
    assert_nowhere({**told(light, *runs), "page": page.read_bytes(), "hooks": hooks, "ps": b"\n".join(watcher.seen)})  # fmt: skip


def test_a_dry_run_reads_none_and_says_from_where_it_would(light: Light) -> None:
    configure(light)
    done = light.opskit("deploy", "shop", "-n")
    assert "would read the secret BY_COMMAND from the command echo asked" in done.stdout
    assert "would read the secret BY_FILE from the file " in done.stdout
    assert asked(light) == 0
    light.opskit("doctor", expect=None)
    light.opskit("exec", "-H", "web01", "true")
    light.opskit("log")
    light.opskit("status", expect=None)
    assert asked(light) == 0


def test_a_secret_that_cannot_be_read_stops_it_before_anything_is_touched(light: Light) -> None:
    configure(light)
    (light.folder.parent / "vault" / "c").unlink()
    before = light.tree()
    done = light.deploy("v1", expect=2)
    assert "the secret BY_COMMAND (the command echo asked" in done.stderr
    assert "No such file" in done.stderr
    (light.folder.parent / "vault" / "f").chmod(0o644)
    done = light.deploy("v1", expect=2)
    assert "others may read or write it" in done.stderr
    assert "chmod 600" in done.stderr
    assert (light.tree(), light.log()) == (before, [])


def test_a_crash_report_holds_no_secret_of_a_command(light: Light, tmp_path: Path) -> None:
    configure(light)
    (tmp_path / "sitecustomize.py").write_text(CRASHES.replace('os.environ["API_TOKEN"]', "repr(dict(_[1].secrets)['BY_COMMAND'].reveal())").replace("deploy.survey", "deploy.prepare").replace("(*_, **__)", "(*_, run, **__)").replace("_[1]", "run"))  # fmt: skip
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    runs = [
        light.deploy("v1", expect=1, env={"PYTHONPATH": path, "OPSKIT_DEBUG": debug})
        for debug in "01"
    ]
    report = next(Path(os.environ["OPSKIT_STATE_DIR"]).glob("crashes/crash-*.md")).read_text()
    assert "ValueError: cannot use" in report
    assert "[redacted]" in report
    assert_nowhere({**told(light, *runs), "report": report.encode()})


def test_exec_hides_what_files_hold_though_it_is_given_none(light: Light) -> None:
    configure(light)
    done = light.opskit("exec", "-H", "web01", f"echo {BY_FILE}; echo ${{BY_FILE:-none}}")
    assert done.stdout.splitlines() == ["[redacted]", "none"]
    assert BY_FILE not in json.dumps(light.last())
