"""A secret goes to the commands that need it and nowhere else: a sentinel is looked for in every sink."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.cli import Completed
    from tests.support.light import Light

SENTINEL = "s3ntinel-'$(v)\"\\-Ω"
TAIL = "second-l1ne-of-it"
SECRET = f"{SENTINEL}\n{TAIL}"
ENV = {"API_TOKEN": SECRET}
LEAK = 'echo "token is $API_TOKEN"; printf "%s\\n" "$API_TOKEN" >&2; '
RESTART = (
    'touch "$HOME/runs"; sleep 0.3; cat version >>"$HOME/restarts"; [ "${#API_TOKEN}" -gt 30 ]'
)
TASKS = '''
from fabric import task

@task
def loud(c):
    """Say too much."""
    c.run('echo "task says $API_TOKEN"; exit 3', echo=True)
'''


def told(light: Light, *runs: Completed) -> dict[str, bytes]:
    """Give all that could hold the secret: streams, changelog, crash reports, the hosts' files."""
    sinks = {f"stream {n}": (run.stdout + run.stderr).encode() for n, run in enumerate(runs)}
    folders = [Path(os.environ["OPSKIT_STATE_DIR"]), *map(light.hosts.folder, light.hosts.names)]
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                sinks[str(path)] = path.read_bytes()
            elif path.is_symlink():
                sinks[str(path)] = str(path.readlink()).encode()
    return sinks


def assert_nowhere(sinks: dict[str, bytes]) -> None:
    assert sinks
    for word in (SENTINEL, TAIL, json.dumps(SENTINEL)[1:-1], "s3ntinel"):
        found = [name for name, held in sinks.items() if word.encode() in held]
        assert not found, (word, found)


def configure(light: Light, **keys: str | None) -> None:
    light.configure(secrets='["API_TOKEN"]', **keys)


class Watcher:
    """Looks at the command lines of all processes for as long as the block runs."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._over.is_set():
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(file.read_bytes())
                except OSError:
                    continue

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="command lines are in /proc")
def test_no_process_list_shows_it_and_the_commands_get_it(any_light: Light) -> None:
    seen = 'printf %s "$API_TOKEN" | cksum >"$HOME/sum"; '
    configure(any_light, restart=json.dumps(seen + RESTART), build=json.dumps("sleep 0.2"))
    with Watcher() as watcher:
        done = any_light.deploy("v1", env=ENV)
    assert any(b"opskit" in line for line in watcher.seen)
    assert not [line for line in watcher.seen if b"s3ntinel" in line or TAIL.encode() in line]
    sums = {(any_light.hosts.folder(name) / "sum").read_text() for name in any_light.hosts.names}
    expected = any_light.opskit("exec", "-H", "web01", "--", "sh", "-c", 'printf %s "$0" | cksum', SECRET)  # fmt: skip
    assert sums == {expected.stdout}
    assert_nowhere({"stream": (done.stdout + done.stderr).encode(), **told_of_deploys(any_light)})


def told_of_deploys(light: Light) -> dict[str, bytes]:
    """Leave out the changelog: the test's own exec has put the secret there as a plain word."""
    state = os.environ["OPSKIT_STATE_DIR"]
    return {name: held for name, held in told(light).items() if not name.startswith(state)}


@pytest.mark.parametrize("where", ["build", "restart", "health", "task"])
def test_a_command_that_says_it_and_fails_is_redacted(light: Light, where: str) -> None:
    (light.folder / "tasks.py").write_text(TASKS)
    keys: dict[str, str | None] = {
        "build": {"build": json.dumps(f"{LEAK}exit 3")},
        "restart": {"restart": json.dumps(f"{LEAK}exit 3")},
        "health": {"health": f'{{ command = {json.dumps(f"{LEAK}exit 3")}, within = "100ms" }}'},
        "task": {"restart": '{ task = "loud" }'},
    }[where]  # type: ignore[assignment]  # TOML texts, some of them missing
    configure(light, **keys)
    shown = light.deploy("v1", expect=1, env=ENV)
    as_json = light.deploy("v1", "--json", expect=1, env=ENV)
    opened = light.opskit("log", light.last()["id"], "--json")
    assert "[redacted]" in shown.stdout + shown.stderr
    assert_nowhere(told(light, shown, as_json, opened))


def test_a_dry_run_and_a_rollback_do_not_show_it(light: Light) -> None:
    configure(light, restart=json.dumps(LEAK + RESTART))
    light.commit("v2")
    runs = [light.deploy(version, env=ENV) for version in ("v1", "v2")]
    runs += [light.opskit("deploy", "shop", "-n", *more, env=ENV) for more in ((), ("--json",))]
    runs += [light.restart(env=ENV), light.rollback("--json", env=ENV)]
    runs.append(light.opskit("status", "--json", env=ENV))
    assert_nowhere(told(light, *runs))


def test_a_secret_that_is_not_set_is_named_before_anything_is_touched(light: Light) -> None:
    configure(light)
    done = light.deploy("v1", expect=2)
    assert "needs API_TOKEN in the environment" in done.stderr
    assert (light.tree(), light.log()) == ({}, [])


@pytest.mark.parametrize("value", ["web01", "placed"])
def test_a_secret_that_is_a_name_or_a_word_of_ours_is_refused_with_nothing_touched(
    light: Light, value: str
) -> None:
    configure(light)
    before = light.tree()
    done = light.deploy("v1", expect=2, env={"API_TOKEN": value})
    assert "cannot be hidden" in done.stderr
    assert value not in done.stderr
    assert (light.tree(), light.log()) == (before, [])


@pytest.mark.parametrize(
    "words",
    [("deploy", "shop", "v1"), ("restart", "shop"), ("rollback", "shop"), ("reboot", "-H", "web01")],
    ids=lambda words: words[0],
)  # fmt: skip
def test_a_dry_run_says_from_where_secrets_would_be_read_and_needs_none(
    light: Light, words: tuple[str, ...]
) -> None:
    light.configure(hosts='"web01"')
    light.commit("v2")
    light.deploy("v1")
    light.deploy("v2")
    light.configure(hosts='"web01"', secrets='["API_TOKEN"]')
    done = light.opskit(*words, "--dry-run")
    lacks = "would read the secret API_TOKEN from the variable API_TOKEN: not set on this machine"
    assert lacks in done.stdout
    assert "not set" not in light.opskit(*words, "--dry-run", env=ENV).stdout
    assert "needs API_TOKEN" in light.opskit(*words, "--yes", expect=2).stderr


def test_a_reason_that_holds_it_is_shown_without_it_and_so_is_the_command_for_the_rest(
    light: Light,
) -> None:
    configure(light)
    light.deploy("v1", env=ENV)
    light.make_sick("web02")
    why = ("-m", f"leaked: {SENTINEL}")
    runs = [light.restart(*why, *more, expect=3, env=ENV) for more in (("--json",), ())]
    assert "-m 'leaked: [redacted]'" in runs[0].json["data"]["retry"]
    assert runs[0].json["data"]["plan"]["why"] == "leaked: [redacted]"
    assert "-m 'leaked: [redacted]'" in runs[1].stdout
    assert_nowhere(told(light, *runs))


def test_a_note_and_a_freeze_do_not_hold_it(light: Light) -> None:
    configure(light)
    said = ("note", f"it is {SENTINEL}"), ("freeze", "-m", SENTINEL), ("thaw", "-m", SENTINEL)
    runs = [light.opskit(*words, "--json", env=ENV) for words in said]
    assert "it is [redacted]" in runs[0].stdout
    assert_nowhere(told(light, *runs))


def test_exec_on_a_host_that_knows_it_too_is_redacted(light: Light) -> None:
    configure(light)
    (light.hosts.folder("web01") / "token").write_text(SECRET)
    shown = light.opskit("exec", "-H", "web01", 'cat "$HOME/token"; exit 1', env=ENV, expect=1)
    as_json = light.opskit("exec", "-H", "web01", "--json", 'cat "$HOME/token"; exit 1', env=ENV, expect=1)  # fmt: skip
    (light.hosts.folder("web01") / "token").unlink()
    assert_nowhere(told(light, shown, as_json))


def test_a_crash_report_does_not_hold_it(light: Light, tmp_path: Path) -> None:
    configure(light)
    (tmp_path / "sitecustomize.py").write_text(CRASHES)
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    done = light.deploy("v1", expect=1, env={**ENV, "PYTHONPATH": path})
    assert "opskit has a bug: ValueError" in done.stderr
    report = next(Path(os.environ["OPSKIT_STATE_DIR"]).glob("crashes/crash-*.md"))
    assert "plan_deploy" in report.read_text()
    assert_nowhere(told(light, done))


CRASHES = """
import opskit.rollout.source, os
def find(*_, **__):
    raise ValueError("cannot use " + os.environ["API_TOKEN"])
import opskit.rollout.deploy
opskit.rollout.deploy.survey = find
"""
