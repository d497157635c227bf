"""Runbooks by several people: each with a laptop of their own, the changelog between them, and terminals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from opskit.changelog import open_changelog
from tests.cli.screen import Screen
from tests.cli.test_runbook_run import PAGE, answer, run_id, write
from tests.support.light import Light
from tests.support.sudoers import ASKS, PASSWORD
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.hosts import Hosts
    from tests.support.sudoers import SudoHosts

APPROVED = PAGE.replace("## 2. Drain it\n", "## 2. Drain it\n\n**Approve:** Somebody of infra.\n")
EVERYTHING = """---
opskit: 1
id: everything
params:
  token: {secret: true, required: true}
  why: {ask: "What do people see?", required: true}
---
# Everything that is asked

## Ask

> [!CAUTION]
> Careful.

**Ask:** `name` - Which?

**Confirm:** Is it?

**Decide:** Go to [Look](#look), or go on.

## Look

- [ ] It is so
- [ ] Seen (evidence)

<!-- opskit: local mutates=no -->
```sh
test -e there
```

**Wait:** 60s
"""
BACK = "what now?"


@pytest.fixture
def light(tmp_path: Path, hosts: Hosts) -> Light:
    made = Light.create(tmp_path / "project", hosts)
    write(made, "drain", PAGE)
    share(made, tmp_path)
    return made


def share(light: Light, folder: Path) -> None:
    """Let all laptops share one changelog."""
    file = light.folder / "opskit.toml"
    name = '[changelog]\nname = "test"\n'
    upstream = f'upstream = "file://{folder}/share/log"\ntimeout = "60s"\n'
    file.write_text(file.read_text().replace(name, name + upstream))


@pytest.fixture
def screen(light: Light) -> Iterator[Callable[..., Screen]]:
    """Start `opskit runbook …` of somebody, on that one's laptop."""
    screens: list[Screen] = []

    def start(who: str, *arguments: str, **environment: Any) -> Screen:
        made = Screen(light.folder, "runbook", *arguments, **laptop(light, who), **environment)
        screens.append(made)
        return made

    yield start
    for one in screens:
        one.close()
        one.process.kill()
        one.process.wait()


def laptop(light: Light, who: str) -> dict[str, str]:
    return {"OPSKIT_STATE_DIR": str(light.folder.parent / who), "OPSKIT_ACTOR": who}


def does(light: Light, who: str, *arguments: object, expect: int | None = 0) -> Any:
    return light.opskit(*arguments, expect=expect, env=laptop(light, who))


@pytest.fixture(autouse=True)
def _begun(request: pytest.FixtureRequest) -> None:
    if "light" in request.fixturenames:
        does(request.getfixturevalue("light"), "ana", "changelog", "init")


def test_the_laptop_is_lost_in_the_middle_and_a_colleague_finishes_it(
    light: Light, screen: Callable[..., Screen]
) -> None:
    slow = PAGE.replace(
        'touch "$HOME/drained"',
        'touch "$HOME/drained"; until test -e "$HOME/go"; do sleep 0.1; done',
    )
    write(light, "drain", slow)
    ana = screen("ana", "run", "drain")
    answer(ana, "changes nothing", "")
    answer(ana, "Which one is slow?", "web02")
    answer(ana, "undone by put-it-back", "")
    until(light.hosts.folder("web02").joinpath("drained").exists)
    run = run_id(ana)
    until(lambda: "Drain it" in does(light, "ben", "log", run, expect=None).stdout)
    ana.process.kill()
    ana.process.wait()
    assert (
        "ana was at run" in does(light, "ben", "runbook", "resume", run, "--auto", expect=4).stderr
    )
    light.hosts.folder("web02").joinpath("go").touch()
    ben = screen("ben", "resume", run, "--take-over")
    answer(ben, "nobody knows how it ended", "m I looked: it is drained")
    answer(ben, "Step 3 of 3", "")
    assert ben.end() == 0
    assert not light.hosts.folder("web02").joinpath("drained").exists()
    told = does(light, "ana", "log", run).stdout
    assert "ben" in told


def test_of_two_who_go_on_in_the_same_second_one_does_it(light: Light) -> None:
    fence = "<!-- opskit: local -->\n```sh\necho once >>did; sleep 1\n```\n"
    both = f"## 1. Ask\n\n**Approve:** Cleo\n\n## 2. Do\n\n{fence}"
    write(light, "both", PAGE.partition("## 1.")[0] + both)
    ran = does(
        light, "ana", "runbook", "run", "both", "-p", "why=slow", "--auto", "--json", expect=3
    )
    run = ran.json["data"]["run"]
    does(light, "cleo", "runbook", "approve", run, "-m", "yes", "-y")
    again = ("runbook", "resume", run, "--auto")
    pair = [light.start(*again, env=laptop(light, who)) for who in ("ana", "ben")]
    said = [one.communicate(timeout=90)[1] for one in pair]
    codes = sorted(one.returncode for one in pair)
    assert (light.folder / "did").read_text() == "once\n", said
    assert codes in ([0, 4], [0, 5]), said  # who comes when it is done is told so


def test_two_people_approve_it_from_two_laptops(
    light: Light, screen: Callable[..., Screen]
) -> None:
    write(light, "drain", APPROVED)
    ana = screen("ana", "run", "drain")
    answer(ana, "changes nothing", "")
    ana.wait_for("opskit runbook approve")
    assert ana.end() == 3
    run = run_id(ana)
    assert "cannot be approved" in does(light, "ana", "runbook", "approve", run, expect=5).stderr
    done = does(light, "ben", "runbook", "approve", run, "-y", "-m", "go ahead", "--json")
    assert done.json["data"]["step"] == "drain-it"
    again = does(light, "cleo", "runbook", "approve", run)
    assert "is approved already: by ben" in again.stdout
    ana = screen("ana", "resume", run)
    answer(ana, "Which one is slow?", "web02")
    answer(ana, "undone by put-it-back", "q")
    assert ana.end() == 3
    assert "ben" in ana.drawing.text


def test_what_an_opskit_command_inside_does_is_a_part_of_the_run(
    light: Light, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = (
        "## 1. Inside\n\n<!-- opskit: local -->\n```opskit\nopskit exec -H web01 -m $why true\n```\n\n"
        "<!-- opskit: local -->\n```sh\nopskit exec -H web02 -m \"$why\" true\n```\n\n## 2. Look"
    )  # fmt: skip
    write(light, "inside", PAGE.replace("## 1. Look", inside))
    done = does(
        light,
        "ana",
        "runbook",
        "run",
        "inside",
        "--auto",
        "--json",
        "--incident",
        "INC-7",
        expect=3,
    )
    run = done.json["data"]["run"]
    entries = does(light, "ana", "log", "--json").json["data"]["entries"]
    execs = [entry for entry in entries if entry.get("action") == "exec"]
    assert {(entry["during"], entry["incident"]) for entry in execs} == {(run, "INC-7")}
    monkeypatch.setenv("OPSKIT_STATE_DIR", laptop(light, "ana")["OPSKIT_STATE_DIR"])
    with open_changelog("test") as changelog:
        assert sorted(changelog.run(run).rollouts) == sorted(entry["id"] for entry in execs)


def test_ctrl_c_at_each_kind_of_question_asks_what_to_do_and_comes_back_to_it(
    light: Light, screen: Callable[..., Screen]
) -> None:
    write(light, "everything", EVERYTHING)
    one = screen("ana", "run", "everything")

    def hit(question: str, *keys: str, prompt: str = "> ") -> None:
        one.wait_for(question)
        one.said = one.said.partition(question)[2]
        one.wait_for(prompt)
        one.said = one.said.partition(prompt)[2]
        one.type("\x03")
        answer(one, BACK, "")
        one.wait_for(question)
        one.said = one.said.partition(question)[2]
        one.wait_for(prompt)
        one.said = one.said.partition(prompt)[2]
        for key in keys:
            one.type(f"{key}\n")

    answer(one, "What do people see?", ":?")
    one.wait_for("leave; the run is kept")
    hit("What do people see?", "errors")
    hit("the secret token", "t0ken-of-a-run", prompt="token: ")
    hit("Which?", "web01")
    hit("CAUTION: Is it?", "ask")
    hit("Decide: ", "go on")
    hit("It is so", "")
    hit("Seen", "it was green")
    hit("on this machine", "")
    hit("failed here", "m known")
    one.wait_for("waits 1 min")
    one.type("\x03")
    hit("waiting: ", "m long enough")
    one.wait_for("Everything that is asked: done")
    assert one.end() == 0


def test_a_reason_is_demanded_and_can_be_thought_over(
    light: Light, screen: Callable[..., Screen]
) -> None:
    one = screen("ana", "run", "drain")
    answer(one, "changes nothing", "s")
    answer(one, "why skip?", "")
    answer(one, "why skip?")
    one.type("\x03")
    answer(one, BACK, "")
    answer(one, "changes nothing", "s not needed today")
    answer(one, "Which one is slow?", ":b")
    answer(one, "changes nothing", "a enough")
    assert one.end() == 5


def test_sudo_is_asked_for_its_password_once_and_by_nobody_seen(
    tmp_path: Path, sudo_hosts: SudoHosts
) -> None:
    for name in sudo_hosts.names:
        sudo_hosts.rule(name, ASKS)
    light = Light.create(tmp_path / "project", sudo_hosts)
    page = PAGE.replace("mutates=no timeout=30s", "mutates=no timeout=30s sudo").replace(
        'echo "well, $why"', 'echo "$(id -un), $why"'
    )
    write(light, "drain", page)
    one = Screen(light.folder, "runbook", "run", "drain", OPSKIT_STATE_DIR=str(tmp_path / "ana"))
    try:
        answer(one, "by sudo as root", "")
        one.wait_for("password for sudo of")
        one.type(f"{PASSWORD}\n")
        one.wait_for("root, slow")
        answer(one, "Which one is slow?", ":q")
        assert one.end() == 3
        assert PASSWORD not in one.drawing.text
    finally:
        one.close()
        one.process.kill()
        one.process.wait()
