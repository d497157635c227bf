"""What a rollout left undone is done again by one command, which it prints, on any laptop that has the changelog."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.light import Light

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.hosts import Hosts

TASKS = 'from fabric import task\n\n@task\ndef touch(c, name, twice=False):\n    """Touch."""\n    c.run(f"touch \\"$HOME/{name}\\"")\n'
CHANGES = {
    "deploy": ("deploy", "shop", "v2", "-m", "the summer's menu", "-y"),
    "restart": ("restart", "shop", "-y"),
    "run": ("run", "touch", "a b", "--twice", "-H", "@web"),
    "exec": ("exec", "-H", "@web", "printf", "%s", "$HOME", "it's"),
}
REST = "what was left undone: "


@pytest.fixture
def light(tmp_path: Path, hosts: Hosts) -> Light:
    made = Light.create(tmp_path / "project", hosts)
    (made.folder / "tasks.py").write_text(TASKS)
    made.configure(batches="[4]", max_failures="2")
    made.commit("v2")
    made.deploy("v1")
    return made


def rest(said: Any) -> list[str]:
    """Give the words of the command that a run has printed."""
    lines = [line.strip() for line in (said.stdout + said.stderr).splitlines()]
    (line,) = [line.removeprefix(REST) for line in lines if line.startswith(REST)]
    program, *words = shlex.split(line)
    assert program == "opskit"
    return words


@pytest.mark.parametrize("kind", CHANGES)
def test_the_printed_command_does_the_rest_and_the_log_shows_the_tie(
    light: Light, kind: str
) -> None:
    light.hosts.stop("web02")
    words = rest(light.opskit(*CHANGES[kind], expect=3))
    first = light.last()["id"]
    assert f"@failed:{first}" in words
    light.hosts.start("web02")
    light.opskit(*words)
    second = light.last()
    assert set(second["hosts"]) == {"web02"}
    assert (second["outcome"], second["retries"]) == ("done", [first])
    assert second["why"] == light.log()[1]["why"]
    assert f"retry of  {first}" in light.opskit("log", second["id"]).stdout
    assert f"retried   {second['id']}" in light.opskit("log", first).stdout
    if kind == "deploy":
        assert light.live() == light.on_all("v2")
        assert second["to"]["revision"] == light.log()[1]["to"]["revision"]


def test_of_what_is_all_done_there_is_no_rest(light: Light) -> None:
    done = light.last()["id"]
    for words in (("restart", "shop", "-y"), ("exec",)):
        selector = ("-H", f"@failed:{done}", *(["true"] if words == ("exec",) else []))
        told = light.opskit(*words, *selector, expect=2)
        assert f"deploy {done} left no host undone" in told.stderr


def test_json_has_it_too(light: Light) -> None:
    light.hosts.stop("web02")
    data = light.opskit("restart", "shop", "-y", "--json", expect=3).json["data"]
    assert (
        data["retry"]
        == f"opskit restart shop -y --json -e production -H @failed:{data['rollout']}"
    )


def test_what_failed_everywhere_is_not_offered_again(light: Light) -> None:
    light.commit("v3", good=False)
    assert REST not in light.deploy("v3", expect=5).stdout


def test_a_rollback_that_did_not_reach_all_goes_on_to_the_same_release(light: Light) -> None:
    """web02 is dead, web03 sick of where it is sent: neither goes further back than the others did."""
    for version in ("v3", "v4"):
        light.commit(version)
        light.deploy(version)
    light.hosts.stop("web02")
    light.make_sick("web03", of="v3")
    words = rest(light.rollback(expect=3))
    first = light.last()["id"]
    assert light.last()["hosts"]["web03"]["outcome"] == "failed"
    light.hosts.start("web02")
    (light.hosts.folder("web03") / "sick").unlink()
    light.opskit(*words)
    assert light.live() == light.on_all("v3")
    assert light.last()["retries"] == [first]
    assert set(light.last()["hosts"]) == {"web02", "web03"}
    assert light.restarts("web03")[-2:] == ["v3", "v3"]
    light.rollback()
    assert light.live() == light.on_all("v1")


def test_what_goes_different_ways_is_gone_on_with_and_what_then_fails_too(light: Light) -> None:
    light.commit("v3")
    light.deploy("v3", "-H", "web01")
    light.commit("v4")
    light.deploy("v4")
    light.make_sick("web04")
    words = rest(light.rollback(expect=3))
    first = light.last()["id"]
    assert words == ["resume", first]
    assert rest(light.opskit(*words, "-y", expect=3)) == words
    (light.hosts.folder("web04") / "sick").unlink()
    light.opskit(*words, "-y")
    assert light.last()["outcome"] == "done"


def test_another_version_than_the_first_time_is_told(light: Light) -> None:
    light.hosts.stop("web02")
    light.deploy("v2", expect=3)
    light.hosts.start("web02")
    failed = light.last()["id"]
    shown = light.opskit("deploy", "shop", "v1", "-n", "-H", f"@failed:{failed}").stdout
    assert f"note: {failed} rolled out v2 (" in shown
    assert "), this is v1 (" in shown
    shown = light.opskit("restart", "shop", "-n", "-H", f"@failed:{failed}").stdout
    assert f"{failed} rolled out" not in shown


def test_it_works_for_what_another_laptop_began(light: Light, tmp_path: Path) -> None:
    file = light.folder / "opskit.toml"
    share = f'name = "test"\nupstream = "file://{tmp_path}/share/log"\ntimeout = "60s"'
    file.write_text(file.read_text().replace('name = "test"', share, 1))

    def does(who: str, *words: str, expect: int = 0) -> Any:
        env = {"OPSKIT_STATE_DIR": str(tmp_path / who), "OPSKIT_ACTOR": who}
        return light.opskit(*words, env=env, expect=expect)

    does("ana", "changelog", "init")
    light.hosts.stop("web02")
    words = rest(does("ana", "deploy", "shop", "v2", "-y", expect=3))
    light.hosts.start("web02")
    does("bo", *words)
    assert light.live() == light.on_all("v2")
    light.hosts.stop("web02")
    words = rest(does("ana", "exec", "-H", "@web", "true", expect=3))
    light.hosts.start("web02")
    does("bo", *words)
